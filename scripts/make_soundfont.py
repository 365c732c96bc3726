#!/usr/bin/env python3
"""Makes the bundled soundfont from Fluid R3: a complete General MIDI set in a sixth of the size.

    make_soundfont.py FluidR3_GM.sf2 FluidR3Compact_GM.sf2

Input: FluidR3_GM.sf2 of Debian's fluid-soundfont-gm 3.1-5.3 (MD5 below). Needs numpy only. The same input and numpy
give the same bytes. What is done and why is told in assets/soundfont/HOW.md; the steps are the functions of `main`, in
order.
"""

import hashlib
import re
import sys
from dataclasses import replace

import numpy as np
from sf2 import *

INPUT_MD5 = "af289497caf8c76d97fdc67ec8409f05"

# What a note can rise by above its key, in semitones: bend and tuning as `src/synth/score.rs` limits them, modulation
# wheel.
MOST_UP = 24 + 1.3 + 12 + 1 + 0.5
LOWEST_RATE = 16000  # of rustysynth

# Programs that are heard most get more of the space.
FINE_PROGRAMS = (0, 1, 3, 4, 11, 16, 18, 19, 24, 25, 27, 32, 33, 40, 48, 52, 56, 60, 65, 66, 71, 73)
FINE = {(0, p) for p in FINE_PROGRAMS} | {(128, 0)}
# The decay of these is left as it was recorded.
KEEP_DECAY = {(0, 0)}
DECAY_DB = 80  # rustysynth's decay falls by this in its time; the format's 100 is a matter of taste among synthesisers
ATTENUATION_OBEYED = 0.4  # of what a zone asks for, by most synthesisers, as by the EMU8000

SAME_ON_BOTH_SIDES = (KEY_RANGE, VELOCITY_RANGE, COARSE_TUNE, SCALE_TUNING)
KITS = (0, 8, 16, 24, 25, 32, 40, 48)  # Standard, Room, Power, Electronic, TR-808, Jazz, Brush, Orchestra


# ---------------------------------------------------------------- presets and zones


def choose(presets):
    """All melodic banks (variations cost no samples) and one kit of each family."""
    kept = [p for p in presets if p.bank != 128 or p.program in KITS]
    return sorted(kept, key=lambda p: (p.bank, p.program))


def side_free(name):
    return re.sub(r"[\s(_-]*(l|r|left|right)\)?$", "", name.lower())


def partner(zone, zones):
    """The right zone that belongs to a left one: same keys and velocities, same name but for the side."""
    for other in zones:
        if (
            other is not zone
            and is_side(other, 2, 1)
            and other.target.rate == zone.target.rate
            and (len(other.target.data) == len(zone.target.data) or min_seconds(zone, other) > 2)
            and all(other.gens.get(g) == zone.gens.get(g) for g in SAME_ON_BOTH_SIDES)
            and abs(other.gens.get(FINE_TUNE, 0) - zone.gens.get(FINE_TUNE, 0)) < 20
            and other.gens.get(PAN, 0) - zone.gens.get(PAN, 0) >= 400
            and side_free(other.target.name) == side_free(zone.target.name)
        ):
            return other
    return None


def min_seconds(*zones):
    return min(len(z.target.data) / z.target.rate for z in zones)


def is_side(zone, kind, sign):
    """Marked as a side in the sample header (4 left, 2 right), or a mono sample panned there."""
    return zone.target.kind == kind or (zone.target.kind == 1 and sign * zone.gens.get(PAN, 0) > 100)


def bands(x, rate):
    """Energy in third octaves (rows: 50 ms frames), the picture that mixes are compared in."""
    size = 1 << max(8, int(rate * 0.05).bit_length())
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(x, (0, size)), size)[:: size // 2]
    power = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)) ** 2
    f = np.fft.rfftfreq(size, 1 / rate)
    edges = 50 * 2 ** (np.arange(0, 28) / 3)
    which = np.digitize(f, edges)
    return np.stack([power[:, which == b].sum(1) for b in range(1, len(edges)) if (which == b).any()], 1)


def distance(a, b):
    """Mean difference in dB where it can be heard: within 50 dB of the loudest band."""
    audible = b > b.max() * 1e-5
    return np.abs(10 * np.log10((a + 1) / (b + 1)))[audible].mean() if audible.any() else 0.0


def mono(left, right):
    """One channel for two, with the power of both and the spectrum nearest to theirs: the sum, or where the two cancel
    each other, the better side."""
    n = min(len(left.data), len(right.data))
    l, r = left.data[:n], right.data[:n]
    power = (l @ l) + (r @ r)
    aim = bands(l, left.rate) + bands(r, left.rate)
    best = None
    for how, x in (("sum", (l + r) / 2), ("side", l), ("side", r)):
        if x @ x > 1e-3 * power:
            x = x * np.sqrt(power / (x @ x))
            d = distance(bands(x, left.rate), aim)
            if best is None or d < best[0] - 0.5:  # the sum, unless a side is clearly nearer
                best = (d, how, x)
    return best[1:]


def overlap(left, right, pan_left, pan_right):
    """By how many dB a pair panned less than hard is louder than the sum of its powers, because its sides add up."""
    n = min(len(left.data), len(right.data))
    l, r = left.data[:n], right.data[:n]
    a, b = ((pan + 500) / 1000 * np.pi / 2 for pan in (pan_left, pan_right))
    sides = [np.cos(a) * l + np.cos(b) * r, np.sin(a) * l + np.sin(b) * r]
    return 10 * np.log10(sum(s @ s for s in sides) / max(1.0, l @ l + r @ r))


def merge_stereo(presets):
    """Replaces pairs of zones (left, right) by one. A sample used on its own elsewhere becomes the mix there too."""
    mixes, choice = {}, {"sum": 0, "side": 0}
    alive = []  # ids stand for samples only as long as these live
    for instrument in instruments_of(presets):
        gone = set()
        for zone in instrument.zones:
            if id(zone) in gone or not is_side(zone, 4, -1):
                continue
            other = partner(zone, instrument.zones)
            if other is None or id(other) in gone:
                continue
            left, right = zone.target, other.target
            alive += [left, right]
            if id(left) not in mixes:
                how, data = mono(left, right)
                mix = replace(left, name=re.sub(r"[\s(_-]*(L|R)\)?$", "", left.name), data=data, kind=1, users=set())
                if len(left.data) != len(right.data):
                    mix = replace(mix, start=0, end=len(data))  # two recordings; `shorten` finds a loop of the mix
                mixes[id(left)] = mixes[id(right)] = mix
                choice[how] += 1
            zone.target = mixes[id(left)]
            louder = overlap(left, right, zone.gens.get(PAN, 0), other.gens.get(PAN, 0))
            zone.gens[ATTENUATION] = zone.gens.get(ATTENUATION, 0) - round(10 * louder / ATTENUATION_OBEYED)
            zone.gens[PAN] = 0
            if FINE_TUNE in zone.gens or FINE_TUNE in other.gens:
                zone.gens[FINE_TUNE] = round((zone.gens.get(FINE_TUNE, 0) + other.gens.get(FINE_TUNE, 0)) / 2)
            gone.add(id(other))
        instrument.zones = [z for z in instrument.zones if id(z) not in gone]
    for instrument in instruments_of(presets):
        for zone in instrument.zones:
            mix = mixes.get(id(zone.target))
            if mix is not None:
                own = zone.target.data @ zone.target.data
                louder = 10 * np.log10((mix.data @ mix.data) / max(own, 1.0))
                zone.target = mix
                zone.gens[ATTENUATION] = zone.gens.get(ATTENUATION, 0) + round(10 * louder / ATTENUATION_OBEYED)
    print(f"stereo pairs: {choice['sum']} summed, {choice['side']} where one side is nearer", file=sys.stderr)


def settle_loops(presets):
    """Moves the loop offsets of zones into the samples. Two zones that loop one sample differently get one each."""
    seen, alive = {}, waves_of(presets)
    drums = {id(z.target) for p in presets if p.bank == 128 for z in p.zones}
    for instrument in instruments_of(presets):
        for zone in instrument.zones:
            gens = zone.gens
            w = zone.target
            if id(instrument) in drums and len(w.data) > w.rate:
                gens[LOOP_MODE] = 0  # bells and triangle, which ring for seconds before they loop
            start = w.start + gens.get(START_LOOP, 0) + 32768 * gens.get(START_LOOP_COARSE, 0)
            end = w.end + gens.get(END_LOOP, 0) + 32768 * gens.get(END_LOOP_COARSE, 0)
            for g in (START_LOOP, END_LOOP, START_LOOP_COARSE, END_LOOP_COARSE):
                zone.gens.pop(g, None)
            looped = gens.get(LOOP_MODE, 0) in (1, 3) and 0 <= start < end - 1 and end <= len(w.data)
            if not looped:
                zone.gens[LOOP_MODE] = start = end = 0
            elif gens[LOOP_MODE] == 3:
                zone.gens[LOOP_MODE] = 1  # what follows the loop is a few samples of nothing in this font
            key = (id(w), start, end)
            if key not in seen:
                seen[key] = replace(w, start=start, end=end, users=set())
            zone.target = seen[key]


# ---------------------------------------------------------------- thinning


def thin(presets):
    """Drops samples whose neighbours in pitch are near, and lets these play its keys too."""
    best = {}
    for preset in presets:
        for pz in preset.zones:
            best.setdefault(id(pz.target), set()).add((preset.bank, preset.program))
    for instrument in instruments_of(presets):
        users = best[id(instrument)]
        if any(bank == 128 for bank, _ in users):
            continue
        gap = 3.5 if users & FINE else 6.0
        layers = {}
        for zone in instrument.zones:
            gens = zone.gens
            layer = (gens.get(VELOCITY_RANGE, 0x7F00), gens.get(PAN, 0), gens.get(SCALE_TUNING, 100))
            layers.setdefault(layer, []).append((gens, zone))
        for layer in layers.values():
            layer.sort(key=lambda gz: keys(gz[0])[0])
            spans = [keys(g) for g, _ in layer]
            if any(b[0] != a[1] + 1 for a, b in zip(spans, spans[1:])):
                continue  # not a plain row of zones, one beside the other
            roots = [root(g, z.target) for g, z in layer]
            if any(b <= a for a, b in zip(roots, roots[1:])):
                continue
            kept = list(range(len(layer)))
            while True:
                # The one between the nearest neighbours goes first; the lowest and the highest stay.
                spread = [(roots[kept[i + 1]] - roots[kept[i - 1]], i) for i in range(1, len(kept) - 1)]
                if not spread or min(spread)[0] > 2 * gap:
                    break
                del kept[min(spread)[1]]
            if len(kept) == len(layer):
                continue
            low = spans[0][0]
            for n, i in enumerate(kept):
                high = spans[-1][1] if n + 1 == len(kept) else int((roots[i] + roots[kept[n + 1]]) / 2)
                layer[i][1].gens[KEY_RANGE] = low | high << 8
                low = high + 1
            gone = {id(layer[i][1]) for i in range(len(layer)) if i not in kept}
            instrument.zones = [z for z in instrument.zones if id(z) not in gone]


# ---------------------------------------------------------------- the samples


def level(x, rate, step=0.05):
    """dB in frames of 50 ms."""
    n = max(1, int(step * rate))
    frames = x[: len(x) // n * n].reshape(-1, n)
    return 10 * np.log10((frames**2).mean(1) + 1) if len(frames) else np.zeros(1)


def slope(w, since=0.3):
    """dB a second from `since` seconds on to the loop's end; 0 for what is too short to tell."""
    dbs = level(w.data[: w.end or len(w.data)], w.rate)[int(since / 0.05) :]
    return float(np.polyfit(np.arange(len(dbs)) * 0.05, dbs, 1)[0]) if len(dbs) > 6 else 0.0


def loop_at(w, seconds, least):
    """Ends a sustained sample at `seconds` with a loop of at least `least` seconds: the two places that sound most
    alike, joined by a crossfade."""
    x, rate = w.data, w.rate
    if w.end < 1.1 * seconds * rate:
        return w
    n, last = int(0.08 * rate), int(seconds * rate)
    first = max(n, int(0.2 * rate))
    best = None
    for end in range(last, last - int(0.2 * rate), -max(1, int(0.01 * rate))):
        tail = x[end - n : end]
        high = end - int(least * rate)
        if high <= first:
            break
        # Normalised correlation of the tail with every place before it, by FFT.
        part = x[first - n : high]
        size = 1 << (len(part) + n).bit_length()
        dots = np.fft.irfft(np.fft.rfft(part, size) * np.conj(np.fft.rfft(tail, size)), size)[: len(part) - n + 1]
        energy = np.concatenate([[0.0], np.cumsum(part**2)])
        norm = np.sqrt((energy[n:] - energy[:-n]) * (tail @ tail)) + 1e-9
        likeness = dots / norm - 0.1 * np.abs(np.log2((energy[n:] - energy[:-n] + 1) / (tail @ tail + 1)))
        at = int(likeness.argmax())
        if best is None or likeness[at] > best[0]:
            best = (float(likeness[at]), first + at, end)
    if best is None:
        return w
    _, start, end = best
    fade = min(int(0.2 * rate), start - 1, (end - start) // 2)
    a, b = x[end - fade : end], x[start - fade : start]
    rho = max(0.0, (a @ b) / np.sqrt((a @ a) * (b @ b) + 1e-9))
    angle = np.linspace(0, np.pi / 2, fade, endpoint=False)
    data = x[:end].copy()
    data[end - fade :] = (np.cos(angle) * a + np.sin(angle) * b) / np.sqrt(1 + rho * np.sin(2 * angle))
    return replace(w, data=steady(data, start, end, rate) if least >= 0.5 else data, start=start, end=end)


def steady(x, start, end, rate):
    """Evens out most of the swell within a loop, which would be heard as a pulse once it repeats."""
    loop, n = x[start:end], int(0.15 * rate)
    if len(loop) < 2 * n:
        return x
    window = np.roll(np.pad(np.hanning(n), (0, len(loop) - n)), -n // 2)
    power = np.fft.irfft(np.fft.rfft(loop**2) * np.fft.rfft(window), len(loop))
    swell = np.sqrt(np.maximum(power, 1e-6) / max(power.mean(), 1e-6))
    gain = np.clip(swell**-0.75, 0.5, 2.0)
    before = np.linspace(1, gain[0], min(start, n))
    y = x.copy()
    y[start:end] *= gain
    y[start - len(before) : start] *= before
    return y


def bandwidth(w, db):
    """Frequency above which less than `db` (below the loudest frame) is ever left, in Hz."""
    size = 1024
    x = np.pad(w.data, (0, max(0, size - len(w.data))))
    frames = np.lib.stride_tricks.sliding_window_view(x, size)[::512]
    power = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)) ** 2
    above = power[:, ::-1].cumsum(1)[:, ::-1].max(0)
    heard = np.nonzero(above > power.sum(1).max() * 10 ** (db / 10))[0]
    return (heard[-1] + 1) / size * w.rate if len(heard) else 0.0


def resample(w, target):
    """At about `target` Hz, by FFT with a soft edge below the new half rate. A loop comes out at a whole number of
    samples; its rate says by how much that differs from `target`."""
    if w.end:
        length = w.end - w.start
        new = max(1, round(length * target / w.rate))
        turns = -(-4096 // length)
        x = np.concatenate([w.data[: w.end], np.tile(w.data[w.start : w.end], turns)])
    else:
        divisor = np.gcd(int(w.rate), int(target))
        length, new = int(w.rate) // divisor, int(target) // divisor
        x = w.data
    size = -(-(len(x) + 4096) // length) * length
    out = size // length * new
    spectrum = np.fft.rfft(x, size)[: out // 2 + 1]
    f = np.arange(len(spectrum)) / (out / 2)
    spectrum *= np.clip((1 - f) / 0.06, 0, 1)
    y = np.fft.irfft(spectrum, out) * (out / size)
    q = new / length
    if not w.end:
        return replace(w, data=y[: int(np.ceil(len(w.data) * q))], rate=w.rate * q)
    start = round(w.start * q)
    return replace(w, data=y[: start + new + 8], rate=w.rate * q, start=start, end=start + new)


def cut(w, seconds):
    """Ends a sample at `seconds` with a fade over its last third."""
    data = w.data[: int(seconds * w.rate)].copy()
    fade = len(data) // 3
    data[-fade:] *= np.linspace(1, 0, fade) ** 2
    return replace(w, data=data)


def trim(w, db):
    """Ends a sample that does not loop where it has fallen by `db` for good."""
    dbs = level(w.data, w.rate, 0.02)
    loud = np.nonzero(dbs > dbs.max() + db)[0]
    n = int((loud[-1] + 2) * 0.02 * w.rate) if len(loud) else len(w.data)
    if n >= len(w.data):
        return w
    data = w.data[:n].copy()
    fade = min(n, int(0.04 * w.rate))
    data[-fade:] *= np.linspace(1, 0, fade) ** 2
    return replace(w, data=data)


def flatten(w, per_second, since):
    """Takes a decay of `per_second` dB out of a sample from `since` seconds on; the envelope gives it back."""
    gain = 10 ** (per_second / 20 * np.maximum(0, np.arange(len(w.data)) / w.rate - since))
    return replace(w, data=w.data * gain)


def shorten(w, zones, fine):
    """A long sample becomes its attack and a loop."""
    if not w.end:
        w = trim(w, -50 if len(w.data) < 2 * w.rate else -40)
        return cut(w, 3.5) if len(w.data) > 3.5 * w.rate else w
    seconds, falling = w.end / w.rate, -slope(w)
    if falling < 2.5:  # sustained
        most = 1.15 if fine else 0.85
        return loop_at(w, most, 0.5)
    most = 1.7 if fine else 1.2
    if seconds < 1.2 * most or falling > 20 or w.users & KEEP_DECAY:
        return w
    # From `most` on the sample repeats, so its own decay must come from the envelope.
    late = -slope(w, 0.6 * most)
    if late < 0.5:
        return loop_at(w, most, 0.5)
    if late > 20:
        return w
    if any(z.own_envelope for z in zones):
        return loop_at(w, 1.5 * most, 0.5)
    hold = min(most - 0.5, min(2 ** (z.whole(HOLD) / 1200) for z in zones))
    flat = flatten(w, late, hold)
    if np.abs(flat.data[: int(most * w.rate)]).max() > 1.2 * np.abs(w.data).max():
        return loop_at(w, 1.5 * most, 0.5)  # it would clip: leave the envelope alone and stay at the level reached
    for zone in zones:
        decay = 2 ** (zone.whole(DECAY) / 1200)
        own = DECAY_DB / decay if zone.whole(SUSTAIN) > 0 and decay > 0.05 else 0.0
        if 2 ** (zone.whole(HOLD) / 1200) > hold + 1:
            own = 0.0  # it would begin after most notes have ended
        zone.change(HOLD, round(1200 * np.log2(hold)) if hold > 0.01 else -12000)
        zone.change(DECAY, round(1200 * np.log2(DECAY_DB / (late + own))))
        zone.change(SUSTAIN, 1000)
    return loop_at(flat, most, 0.15)


def reduce(presets):
    """Shortens and resamples every sample that is long enough to matter."""
    zones = {}
    for preset in presets:
        for pz in preset.zones:
            for zone in pz.target.zones:
                first = zone.preset if zone.preset is not None else pz.gens
                zone.own_envelope |= any(first.get(g, 0) != pz.gens.get(g, 0) for g in (HOLD, DECAY, SUSTAIN))
                zone.preset = first
    for instrument in instruments_of(presets):
        for zone in instrument.zones:
            zones.setdefault(id(zone.target), []).append(zone)
    for w in waves_of(presets):
        mine = zones[id(w)]
        fine = bool(w.users & FINE)
        new = w
        if len(w.data) > 9000:
            new = shorten(new, mine, fine)
            heard = bandwidth(new, -47 if fine else -41)
            # Played far below its own pitch, a sample needs a rate as far above.
            middle = np.mean([np.clip(keys(z.gens), 36, 84).mean() for z in mine])
            down = max(0.0, np.mean([root(z.gens, w) for z in mine]) - middle - 4)
            most = (27000 if fine or min(w.users) >= (0, 112) else 22050) * 2 ** (down / 12)
            target = np.clip(heard / 0.42, 9000, most)
            if target < 0.93 * new.rate:
                new = resample(new, float(25 * round(target / 25)))
        for zone in mine:
            zone.target = new


def unroll(presets):
    """Repeats short loops. rustysynth steps back one loop at most from one output sample to the next, so a loop must be
    as long as the farthest step: highest key, widest bend, lowest output rate."""
    longest = {}
    for instrument in instruments_of(presets):
        for zone in instrument.zones:
            gens = zone.gens
            w = zone.target
            if w.end:
                swing = sum(abs(gens.get(g, 0)) for g in (MOD_LFO_TO_PITCH, VIB_LFO_TO_PITCH, MOD_ENV_TO_PITCH)) / 100
                up = (keys(gens)[1] + MOST_UP + swing - root(gens, w)) * gens.get(SCALE_TUNING, 100) / 100
                step = w.rate / LOWEST_RATE * 2 ** (up / 12)
                longest[id(w)] = max(longest.get(id(w), 0), int(step) + 2)
    for w in waves_of(presets):
        length = w.end - w.start
        if w.end and length < longest[id(w)]:
            turns = -(-longest[id(w)] // length)
            w.data = np.concatenate([w.data[: w.start], np.tile(w.data[w.start : w.end], turns)])
            w.end = len(w.data)


def main(source, target):
    with open(source, "rb") as file:
        if hashlib.md5(file.read()).hexdigest() != INPUT_MD5:
            print("warning: not the input that this was made for", file=sys.stderr)
    presets = choose(read(source))
    merge_stereo(presets)
    settle_loops(presets)
    thin(presets)
    reduce(presets)
    unroll(presets)
    write(presets, target)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
