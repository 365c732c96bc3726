//! The constant-Q transform of four minutes on one core: `cargo bench --no-default-features --bench cqt`.
//!
//! One element of the printed rate is one second of audio: 30 Kelem/s are 30 000 times real time. The signal is the
//! same as in the peers' script: steady tones whose levels change every half second over a little noise.

use antiphon::audio::Waveform;
use antiphon::features::{CqtParams, beats, constant_q, features, log_normalize, mel_onset_strength};
use antiphon::job::Progress;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const RATE: u32 = 22_050;
const SECONDS: u32 = 240;

/// A number in −1..1 that depends only on `seed`.
fn random(seed: u32) -> f64 {
    let mut x = seed.wrapping_mul(0x9E37_79B9) ^ 0x85EB_CA6B;
    for _ in 0..3 {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
    }
    f64::from(x) / f64::from(u32::MAX) * 2.0 - 1.0
}

fn music() -> Waveform {
    let samples = (0..RATE * SECONDS)
        .map(|n| {
            let t = f64::from(n) / f64::from(RATE);
            let tones = (40..80_u32).step_by(5).map(|note| {
                let frequency = 440.0 * 2.0_f64.powf((f64::from(note) - 69.0) / 12.0);
                random(note + 100 * ((2.0 * t) as u32)).abs() * (t * frequency * std::f64::consts::TAU).sin()
            });
            (tones.sum::<f64>() / 8.0 + 0.01 * random(n)) as f32
        })
        .collect();
    Waveform { samples, sample_rate: RATE }
}

fn four_minutes(criterion: &mut Criterion) {
    let wave = music();
    let progress = Progress::silent();
    let hop = |hop_samples| CqtParams { hop_samples, ..CqtParams::default() };
    let one_core = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let mut group = criterion.benchmark_group("cqt_240_s");
    group.throughput(Throughput::Elements(u64::from(SECONDS)));
    for hop_samples in [1024, 512, 441] {
        group.bench_function(format!("constant_q/hop_{hop_samples}"), |bencher| {
            one_core.install(|| bencher.iter(|| constant_q(black_box(&wave), &hop(hop_samples), &progress)));
        });
    }
    let magnitudes = constant_q(&wave, &hop(1024), &progress).expect("magnitudes");
    group.bench_function("log_normalize", |bencher| bencher.iter(|| log_normalize(black_box(&magnitudes))));
    group.bench_function("features/hop_1024", |bencher| {
        one_core.install(|| bencher.iter(|| features(black_box(&wave), &hop(1024), &progress)));
    });
    group.sample_size(10);
    group.bench_function("beats", |bencher| {
        bencher.iter(|| {
            let strength = mel_onset_strength(black_box(&wave), 512, &progress).expect("onset strength");
            beats::track(&strength, 512.0 / f64::from(RATE), None)
        });
    });
}

criterion_group!(benches, four_minutes);
criterion_main!(benches);
