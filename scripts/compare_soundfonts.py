#!/usr/bin/env python3
"""How far one General MIDI soundfont is from another, program by program.

    compare_soundfonts.py FluidR3_GM.sf2 FluidR3Compact_GM.sf2

Each program plays 13 keys (36, 40, … 84) for 0.5 s at velocities 40, 80 and 120, then four of them for 3 s; each drum kit
the keys 35–81. fluidsynth renders both, without reverb and chorus. Compared is the energy in third octaves from 40 Hz to
16 kHz, 46 ms frames, where the first font is within 50 dB of its loudest: the mean difference in dB ("distance"); and the
difference of the whole energy ("level"). The median level difference of all programs is taken out first: one font may be
softer as a whole. Needs numpy and the fluidsynth program.
"""

import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

RATE = 44100
KITS = (0, 8, 16, 24, 25, 32, 40, 48)


def quantity(n):
    out = [n & 127]
    while n := n >> 7:
        out.append(n & 127 | 128)
    return bytes(out[::-1])


def midi(bank, program):
    """480 ticks are 0.5 s."""
    channel = 9 if bank == 128 else 0
    keys = range(35, 82) if bank == 128 else range(36, 88, 4)
    notes = [(key, velocity, 480, 240) for velocity in (40, 80, 120) for key in keys]
    notes += [(key, 90, 2880, 960) for key in keys[::4] if bank != 128]
    track, wait = quantity(0) + bytes([0xC0 | channel, program]), 0
    for key, velocity, length, gap in notes:
        track += quantity(wait) + bytes([0x90 | channel, key, velocity])
        track += quantity(length) + bytes([0x80 | channel, key, 0])
        wait = gap
    track += quantity(960) + b"\xff\x2f\0"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(">I", len(track)) + track


def render(font, bank, program, folder):
    score, sound = Path(folder, "score.mid"), Path(folder, "sound.raw")
    score.write_bytes(midi(bank, program))
    options = ["-ni", "-q", "-R", "0", "-C", "0", "-g", "0.4", "-r", str(RATE), "-T", "raw", "-O", "float"]
    subprocess.run(["fluidsynth", *options, "-F", sound, font, score], check=True, capture_output=True)
    return np.fromfile(sound, "<f4").reshape(-1, 2)


def bands(sound):
    size, power = 2048, 0
    for channel in sound.T:
        frames = np.lib.stride_tricks.sliding_window_view(channel, size)[::1024]
        power = power + np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)) ** 2
    edges = 40 * 2 ** (np.arange(0, 28) / 3)
    which = np.digitize(np.fft.rfftfreq(size, 1 / RATE), edges)
    return np.stack([power[:, which == b].sum(1) for b in range(1, len(edges)) if (which == b).any()], 1)


def main(one, other):
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        for bank, program in [(0, p) for p in range(128)] + [(128, k) for k in KITS]:
            a, b = (bands(render(font, bank, program, folder)) for font in (one, other))
            n = min(len(a), len(b))
            pairs.append((bank, program, a[:n], b[:n]))
    whole = np.median([10 * np.log10(b.sum() / a.sum()) for _, _, a, b in pairs])
    rows = []
    for bank, program, a, b in pairs:
        b = b * 10 ** (-whole / 10)
        floor = a.max() * 1e-7
        distance = np.abs(10 * np.log10((a + floor) / (b + floor)))[a > a.max() * 1e-5].mean()
        rows.append((distance, 10 * np.log10(b.sum() / a.sum()), bank, program))
    rows.sort(reverse=True)
    distances, levels = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    print(f"whole level {whole:+.2f} dB")
    print(f"distance: median {np.median(distances):.2f}, 90 % below {np.percentile(distances, 90):.2f} dB")
    print(f"level: 90 % within {np.percentile(np.abs(levels), 90):.2f} dB, {levels.min():+.2f} to {levels.max():+.2f} dB")
    for distance, level, bank, program in rows:
        print(f"{bank:4}:{program:<4} distance {distance:5.2f} dB   level {level:+5.2f} dB")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
