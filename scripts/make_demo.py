#!/usr/bin/env python3
"""Makes assets/demo: a MIDI file and three recordings of which one is of the same piece.

    make_demo.py WAD_FOLDER SOUNDFONT OUT_FOLDER

WAD_FOLDER holds freedoom1.wad and freedm.wad (Debian: freedoom and freedm 0.12.1-2, /usr/share/games/doom). SOUNDFONT is
MuseScore_General_Lite.sf3 (Debian: musescore-general-soundfont-small 0.2.1-1). Needs numpy, mido, and the programs
fluidsynth, sox and oggenc. The recordings are synthetic: see assets/demo/HOW.md.
"""

import io
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np

RATE = 44100
TICKS_A_SECOND = 1920
LONGEST_S = 90


@dataclass
class Take:
    """How one piece is played and recorded."""

    wad: str
    lump: str
    name: str
    seed: int
    speed: float  # of the whole, by resampling: 1.01 is 1 % faster and 17 cents sharper
    drift: float  # most that the tempo strays
    lead_s: float  # before the first moment of the score
    programs: dict  # played by another instrument
    silent: tuple  # channels that the players leave out
    sound: tuple  # sox effects


TAKES = [
    Take(
        "freedoom1.wad", "D_E1M5", "recording-1.ogg", 11, 0.996, 0.05, 0.9, {8: 11, 49: 48}, (),
        ("equalizer", "2500", "0.8q", "2", "reverb", "45", "60", "80"),
    ),
    Take(
        "freedoom1.wad", "D_E3M2", "recording-2.ogg", 23, 1.008, 0.07, 1.7, {52: 53, 45: 46, 60: 61, 31: 30}, (),
        ("equalizer", "180", "0.7q", "3", "equalizer", "5000", "0.7q", "-4", "reverb", "35", "50", "70"),
    ),
    Take(
        "freedm.wad", "D_THE_DA", "recording-3.ogg", 37, 1.0, 0.04, 0.6, {25: 24, 56: 66}, (),
        ("highpass", "70", "reverb", "25", "50", "50"),
    ),
]
RIGHT = TAKES[1]


def lump(wad, name):
    raw = Path(wad).read_bytes()
    count, directory = struct.unpack_from("<II", raw, 4)
    for i in range(count):
        at, size, label = struct.unpack_from("<II8s", raw, directory + 16 * i)
        if label.rstrip(b"\0") == name.encode():
            return raw[at : at + size]
    raise SystemExit(f"no {name} in {wad}")


def warp(seconds, take):
    """Knots (score, performance), one each half second: slow swings of the tempo and a ritardando at the end."""
    rng = np.random.default_rng(take.seed)
    score = np.arange(0, seconds + 0.5, 0.5)
    tempo = np.ones(len(score))
    for period in (31.0, 13.7, 6.1):
        tempo += take.drift / 2 * rng.uniform(0.5, 1) * np.sin(2 * np.pi * (score / period + rng.uniform()))
    tempo *= 1 - 0.25 * np.clip((score - seconds + 5) / 5, 0, 1) ** 2
    steps = 0.5 / ((tempo[1:] + tempo[:-1]) / 2)
    return score, take.lead_s + np.concatenate([[0], np.cumsum(steps)])


def perform(midi, take):
    """The score as these players play it: its tempo warped, a few milliseconds and some loudness off each note."""
    rng = np.random.default_rng(take.seed + 1)
    events, now = [], 0.0
    for message in midi:  # mido gives seconds here
        now += message.time
        if not message.is_meta and message.type != "sysex":
            events.append((now, message))
    score, played = warp(now, take)
    out, late = [], {}
    for order, (time, message) in enumerate(events):
        if message.channel in take.silent:
            continue
        if message.type == "program_change":
            message = message.copy(program=take.programs.get(message.program, message.program))
        at = np.interp(time, score, played)
        if message.type in ("note_on", "note_off"):
            key = (message.channel, message.note)
            if message.type == "note_on" and message.velocity:
                late[key] = rng.normal(0, 0.006)
                message = message.copy(velocity=int(np.clip(message.velocity * rng.normal(1, 0.06), 1, 127)))
            at += late.get(key, 0.0)  # the end of a note moves with its start
        out.append((max(0, round(at * TICKS_A_SECOND)), order, message))
    track, last = mido.MidiTrack(), 0
    for tick, _, message in sorted(out, key=lambda e: e[:2]):
        track.append(message.copy(time=tick - last))
        last = tick
    track.append(mido.MetaMessage("end_of_track", time=2 * TICKS_A_SECOND))
    performance = mido.MidiFile(ticks_per_beat=TICKS_A_SECOND // 2)  # at the default 120 beats a minute
    performance.tracks.append(track)
    return performance, score, played / take.speed


def record(performance, take, font, target):
    with tempfile.TemporaryDirectory() as folder:
        score, dry, wet = (str(Path(folder, name)) for name in ("score.mid", "dry.wav", "wet.raw"))
        performance.save(score)
        options = ["-ni", "-q", "-R", "0", "-C", "0", "-g", "0.35", "-r", str(RATE), "-O", "float"]
        subprocess.run(["fluidsynth", *options, "-F", dry, font, score], check=True, capture_output=True)
        to_raw = ["-t", "raw", "-e", "float", "-b", "32", wet]
        tail = ["speed", str(take.speed), "rate", "-v", str(RATE), "norm", "-2"]
        subprocess.run(["sox", "-R", "-D", dry, *to_raw, *take.sound, *tail], check=True, capture_output=True)
        sound = np.fromfile(wet, "<f4").reshape(-1, 2)
        loud = np.nonzero(np.abs(sound).max(1) > 3e-3)[0]
        sound = sound[: min(loud[-1] + RATE // 2, LONGEST_S * RATE)]
        if len(sound) == LONGEST_S * RATE:  # faded out, as on a single
            sound[-4 * RATE :] *= np.linspace(1, 0, 4 * RATE)[:, None] ** 2
        rng = np.random.default_rng(take.seed + 2)
        sound = np.tanh(sound * 1.15) / 1.05 + rng.normal(0, 7e-4, sound.shape)  # a hot desk and a noisy room
        pcm = np.clip(np.round(sound * 32767), -32768, 32767).astype("<i2").tobytes()
        raw = ["-r", "-R", str(RATE), "-C", "2", "-B", "16", "--serial", "1", "-q", "1"]
        title = ["-t", target.stem.replace("-", " ").capitalize(), "-a", "Freedoom contributors"]
        subprocess.run(["oggenc", "-Q", *raw, *title, "-o", str(target), "-"], input=pcm, check=True)


def main(wads, font, out):
    out = Path(out)
    for take in TAKES:
        raw = lump(Path(wads, take.wad), take.lump)
        performance, score, heard = perform(mido.MidiFile(file=io.BytesIO(raw)), take)
        record(performance, take, font, out / take.name)
        if take is RIGHT:
            (out / "song.mid").write_bytes(raw)
            rows = "".join(f"{a:.6f},{b:.6f}\n" for a, b in zip(score, heard))
            (out / "truth.csv").write_text("midi_s,audio_s\n" + rows)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
