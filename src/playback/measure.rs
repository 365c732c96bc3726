//! Measurements for tests on rendered sound.

/// Hz.
pub(super) const RATE: u32 = 48_000;

/// Frequency of a steady tone, from the phase that it gains between one window and the next, 0.25 s later.
pub(super) fn hertz(samples: &[f32], near: f64) -> f64 {
    let (window, step) = (24_000, 2_400);
    let phase = |from: usize| {
        let (mut re, mut im) = (0.0, 0.0);
        for (i, &s) in samples[from..from + window].iter().enumerate() {
            let turn = std::f64::consts::TAU * near * (from + i) as f64 / f64::from(RATE);
            let weight = 0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / window as f64).cos();
            (re, im) = (re + weight * f64::from(s) * turn.cos(), im - weight * f64::from(s) * turn.sin());
        }
        im.atan2(re)
    };
    let mut gained = 0.0;
    let steps = (samples.len() - window) / step;
    for k in 0..steps {
        let turn = phase((k + 1) * step) - phase(k * step);
        gained += (turn + std::f64::consts::PI).rem_euclid(std::f64::consts::TAU) - std::f64::consts::PI;
    }
    near + gained / std::f64::consts::TAU / (steps * step) as f64 * f64::from(RATE)
}

/// The centre of the energy within `within` seconds of each place, in seconds.
pub(super) fn moments(samples: &[f32], near: &[f64], within: f64) -> Vec<f64> {
    let rate = f64::from(RATE);
    near.iter()
        .map(|time| {
            let (from, to) = ((time - within) * rate, (time + within) * rate);
            let (from, to) = (from.max(0.0) as usize, (to as usize).min(samples.len()));
            let mut energy = 0.0;
            let mut moment = 0.0;
            for (i, s) in samples[from..to].iter().enumerate() {
                energy += f64::from(s * s);
                moment += f64::from(s * s) * (from + i) as f64;
            }
            moment / energy / rate
        })
        .collect()
}
