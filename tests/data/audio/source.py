# The signal of all files here: 2 s, stereo, 44.1 kHz, 16 bit. A sine sweeps from 200 to 2000 Hz at -20 dB;
# clicks of 0.25 ms lie at 0.5, 1.0 and 1.6 s.
import math, struct, wave
rate, seconds = 44100, 2
samples = [0.1 * math.sin(2 * math.pi * (200 * t + 450 * t * t)) for t in (n / rate for n in range(rate * seconds))]
for click in (0.5, 1.0, 1.6):
    n = round(click * rate)
    samples[n - 5 : n + 6] = [0.9 * math.cos(math.pi * k / 12) for k in range(-5, 6)]
with wave.open("source.wav", "wb") as file:
    file.setnchannels(2)
    file.setsampwidth(2)
    file.setframerate(rate)
    file.writeframes(b"".join(struct.pack("<hh", *[round(32767 * x)] * 2) for x in samples))
