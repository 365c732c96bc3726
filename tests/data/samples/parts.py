"""The parts of the samples that the program does not make: music, data to learn from, a kill at the right moment.

    parts.py music FOLDER                       four tunes as MIDI, the first also as a recording, and one too short
    parts.py songs FOLDER                       seven tunes as MIDI, each also as a recording
    parts.py data FOLDER                        a data set to learn from; tests/compat makes the same
    parts.py interrupt CHECKPOINT COMMAND...    kills the command once its checkpoint is there
    parts.py toy FOLDER                         leaves the last run of a toy table unfinished, with short numbers
"""

import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import time
import wave

ROOTS = [[48, 45, 41, 43, 48], [50, 55, 45, 52, 50], 6 * [53, 46, 48, 41, 53], [43, 51, 44, 46, 43]]
ROOTS += [[45, 52, 42, 49, 54], [41, 47, 53, 50, 44], [54, 49, 43, 48, 51]]
SCALE = [0, 2, 4, 5, 7, 9, 11]


def tune(number):
    """(start, length, key) in beats: a bass, chords and a melody; five bars at 120 beats a minute are ten seconds.

    The third is six times as long: what is shorter is never found with confidence.
    """
    notes = []
    for bar, root in enumerate(ROOTS[number]):
        start = 4 * bar
        notes.append((start, 4, root))
        for half in (0, 2):
            notes += [(start + half, 2, root + third) for third in (12, 16, 19)]
        for eighth in range(8):
            step = (bar * (5 + number) + eighth * (3 + 2 * number)) % 7
            notes.append((start + eighth / 2, 0.5, root + 24 + SCALE[step]))
    return notes


def midi(notes):
    ticks = 480
    events = []
    for start, length, key in notes:
        events.append((round(start * ticks), 1, bytes([0x90, key, 90])))
        events.append((round((start + length) * ticks) - 10, 0, bytes([0x80, key, 0])))
    track, now = b"", 0
    for at, _, message in sorted(events):
        delta, now = at - now, at
        track += (bytes([0x80 | delta >> 7]) if delta >= 128 else b"") + bytes([delta & 0x7F]) + message
    track += b"\0\xff\x2f\0"
    return b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk" + struct.pack(">I", len(track)) + track


def recording(notes, path):
    """As a MIDI file never sounds: half a second late, a tenth slower, eight bits at 8 kHz."""
    rate = 8000
    late, slower = 0.5, 1.1
    sound = [0.0] * int(rate * (late + slower * 0.5 * max(start + length for start, length, _ in notes) + 0.3))
    for start, length, key in notes:
        frequency = 440 * 2 ** ((key - 69) / 12)
        first, count = int(rate * (late + slower * 0.5 * start)), int(rate * slower * 0.5 * length)
        overtones = [h for h in range(1, 6) if h * frequency < 3600]
        for i in range(min(count, len(sound) - first)):
            t = i / rate
            level = math.exp(-1.5 * t) * min(1, t / 0.005) * min(1, (count - i) / rate / 0.02)
            sound[first + i] += level * sum(math.sin(2 * math.pi * h * frequency * t) / h for h in overtones)
    loudest = max(abs(x) for x in sound)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(rate)
        file.writeframes(bytes(round(128 + 120 * x / loudest) for x in sound))


def music(folder):
    names = ["First Tune", "Second Tune", "Third Tune", "Fourth Tune"]
    for number, name in enumerate(names):
        (folder / f"Ann Other - {name}.mid").write_bytes(midi(tune(number)))
    (folder / "Ann Other - Too Short.mid").write_bytes(midi(tune(0)[:6]))
    recording(tune(0), folder / "Ann Other - First Tune.wav")


def songs(folder):
    for number in range(len(ROOTS)):
        notes = [note for note in tune(number) if note[0] < 20]
        (folder / f"{number}.mid").write_bytes(midi(notes))
        recording(notes, folder / f"{number}.wav")


def data(folder):
    works, frames, bins = 8, 700, 60
    (folder / "pairs").mkdir(parents=True)
    entries = []
    for index in range(works):
        values = [-((t // 8 * 31 + b * 17 + index * 13) % 23) / 3 for t in range(frames) for b in range(bins)]
        matrix = struct.pack(f"<{frames * bins}e", *values)
        header, at = {"__metadata__": {"antiphon": "null"}}, 4 * frames
        header["midi_time"] = {"dtype": "F32", "shape": [frames], "data_offsets": [0, at]}
        for name in ("audio", "midi", "roll"):
            header[name] = {"dtype": "F16", "shape": [frames, bins], "data_offsets": [at, at + len(matrix)]}
            at += len(matrix)
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        name = f"{index:032x}"
        tensors = struct.pack(f"<{frames}f", *[0] * frames) + 3 * matrix
        (folder / "pairs" / f"{name}-0.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + tensors)
        split = ["train", "train", "valid", "test"][index % 4]
        entry = {"id": name, "path": "a.mid", "title": str(index), "group": index, "split": split, "frames": [frames]}
        entries.append(entry)
    document = {"format": "dataset/1", "first_note": 30, "bins": bins, "frame_s": 1024 / 22050, "works": entries}
    (folder / "dataset.json").write_text(json.dumps(document))


def interrupt(checkpoint, command):
    process = subprocess.Popen(command)
    while process.poll() is None and not os.path.exists(checkpoint):
        time.sleep(0.0005)
    process.kill()
    process.wait()
    if not os.path.exists(checkpoint):
        sys.exit(f"{command[1:3]} ended before it could be interrupted: run it again, or with more steps")


def toy(folder):
    table = json.loads((folder / "runs.json").read_text())
    table["runs"].pop()
    (folder / "runs.json").write_text(json.dumps(table, separators=(",", ":")))
    # Some 32,000 numbers of up to 20 figures say no more about the format than short ones.
    run = json.loads((folder / "running.json").read_text())
    run["network"]["parameters"] = [round(x, 2) for x in run["network"]["parameters"]]
    for name in ("mean", "square"):
        run["optimiser"][name] = [0.0] * len(run["optimiser"][name])
    (folder / "running.json").write_text(json.dumps(run, separators=(",", ":")))


what, where, *rest = sys.argv[1:]
if what == "interrupt":
    interrupt(where, rest)
else:
    {"music": music, "songs": songs, "data": data, "toy": toy}[what](pathlib.Path(where))
