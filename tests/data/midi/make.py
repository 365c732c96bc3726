"""Writes pretty_midi.json: small MIDI files (hex) and what pretty_midi reads in them. See HOW.md."""

import io
import json
import pathlib

import mido
import pretty_midi


def midi_file(tracks, ticks_per_beat=480):
    """Tracks of (tick, message), in any order of ticks; equal ticks stay in order."""
    file = mido.MidiFile(type=1, ticks_per_beat=ticks_per_beat)
    for events in tracks:
        track = mido.MidiTrack()
        now = 0
        for tick, message in sorted(events, key=lambda event: event[0]):
            track.append(message.copy(time=tick - now))
            now = tick
        file.tracks.append(track)
    return file


def tempo(tick, bpm):
    return tick, mido.MetaMessage("set_tempo", tempo=round(6e7 / bpm))


def metre(tick, numerator, denominator):
    return tick, mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator)


def scale(start, count, step, length, channel=0):
    """Rising notes, `step` ticks apart."""
    events = []
    for i in range(count):
        key = 48 + i % 24
        events.append((start + i * step, mido.Message("note_on", channel=channel, note=key, velocity=40 + i % 80)))
        events.append((start + i * step + length, mido.Message("note_off", channel=channel, note=key, velocity=0)))
    return events


def on(tick, key, velocity=64, channel=0):
    return tick, mido.Message("note_on", channel=channel, note=key, velocity=velocity)


def off(tick, key, channel=0):
    return tick, mido.Message("note_off", channel=channel, note=key, velocity=0)


CASES = {
    "simple": midi_file([[tempo(0, 100), metre(0, 4, 4)], scale(0, 16, 480, 430)]),
    "no tempo, no metre": midi_file([scale(120, 9, 480, 480)]),
    "tempo changes off the beat": midi_file(
        [[tempo(0, 90), tempo(700, 131), tempo(1111, 57), tempo(1112, 200), tempo(4000, 90)], scale(0, 20, 480, 240)]
    ),
    "repeated tempos": midi_file([[tempo(0, 90), tempo(0, 60), tempo(480, 60), tempo(960, 75), tempo(960, 120)], scale(0, 8, 480, 240)]),
    "six eight": midi_file([[tempo(0, 80), metre(0, 6, 8)], scale(0, 25, 240, 200)]),
    "nine sixteenth, three eight": midi_file([[metre(0, 9, 16), metre(1080 * 2, 3, 8)], scale(0, 40, 120, 100)]),
    "metre changes off the beat": midi_file(
        [[tempo(0, 110), metre(0, 4, 4), metre(1000, 3, 4), metre(4444, 5, 8)], scale(0, 20, 480, 400)]
    ),
    "metre change within rounding": midi_file([[metre(0, 4, 4), metre(480 * 400 + 1, 3, 4)], scale(0, 420, 480, 400)]),
    "pickup": midi_file([[tempo(0, 96), metre(0, 1, 4), metre(480, 3, 4)], scale(0, 13, 480, 450)]),
    "late first metre": midi_file([[tempo(0, 96), metre(700, 3, 4)], scale(0, 13, 480, 450)]),
    "unusual denominator": midi_file([[metre(0, 7, 64)], scale(0, 13, 480, 450)]),
    "controllers after the last note": midi_file(
        [
            [tempo(0, 120)],
            scale(0, 4, 480, 400) + [(3000, mido.Message("control_change", control=64, value=0))],
            [(9000, mido.Message("control_change", channel=3, control=64, value=0))],
        ]
    ),
    "lyrics after the last note": midi_file([scale(0, 4, 480, 400) + [(5000, mido.MetaMessage("lyrics", text="la"))]]),
    "overlaps": midi_file(
        [
            [on(0, 60, 1), on(100, 60, 2), off(200, 60), off(300, 60)]
            + [on(400, 61, 3), on(500, 61, 4), off(500, 61), off(600, 61)]
            + [off(700, 62), on(700, 62, 5), off(800, 62), on(900, 63, 6), off(900, 63), off(950, 63)]
            + [on(1000, 64, 7), on(1000, 64, 8), on(1100, 64, 0)]
        ]
    ),
    "programs": midi_file(
        [
            [(0, mido.Message("program_change", program=5))]
            + scale(0, 4, 480, 400)
            + [(900, mido.Message("program_change", program=40))],
            [(0, mido.Message("program_change", channel=1, program=17))] + scale(240, 4, 480, 400, channel=1),
            scale(0, 4, 480, 400, channel=9),
        ]
    ),
    "coarse ticks": midi_file([[tempo(0, 113), tempo(3, 61), tempo(4, 62)], scale(0, 16, 2, 1)], ticks_per_beat=2),
}


def main():
    cases = []
    for name, file in CASES.items():
        data = io.BytesIO()
        file.save(file=data)
        data.seek(0)
        midi = pretty_midi.PrettyMIDI(data)
        times, tempi = midi.get_tempo_changes()
        last_tick = int(midi.time_to_tick(midi.get_end_time()))
        ticks = sorted({last_tick * i // 7 for i in range(8)})
        notes = [
            [note.start, note.end, note.pitch, note.velocity, int(instrument.program), instrument.is_drum]
            for instrument in midi.instruments
            for note in instrument.notes
        ]
        cases.append(
            {
                "name": name,
                "midi": data.getvalue().hex(),
                "notes": sorted(notes, key=lambda note: (note[0], note[2], note[1], note[3])),
                "tempi": [list(pair) for pair in zip(times.tolist(), tempi.tolist())],
                "beats": midi.get_beats().tolist(),
                "ticks": [[tick, float(midi.tick_to_time(tick))] for tick in ticks],
                "end": float(midi.get_end_time()),
            }
        )
    out = pathlib.Path(__file__).with_name("pretty_midi.json")
    out.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


main()
