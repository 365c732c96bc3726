//! Where to begin listening: the moment that reveals most about a pair.

/// Width of the window that is judged, in seconds.
const WINDOW_S: f64 = 4.0;
/// By how much the costliest window must exceed the usual cost to reveal more than any other.
const STANDS_OUT: f32 = 0.05;
/// Seconds heard before it.
const PRE_ROLL_S: f64 = 2.0;

/// The second to play from: two seconds before the window of highest local cost, where the match fails if it does; if
/// all windows cost about the same, before the end of the first third of the matched part. `cost` holds local costs,
/// frame `i` at `i × frame_s`; NaN where the MIDI has nothing.
pub fn telling_s(cost: &[f32], frame_s: f64) -> f64 {
    let known = |cost: &&f32| cost.is_finite();
    let Some(first) = cost.iter().position(|cost| cost.is_finite()) else { return 0.0 };
    let last = cost.iter().rposition(|cost| cost.is_finite()).unwrap_or(first);
    let span = &cost[first..=last];
    let width = ((WINDOW_S / frame_s).round() as usize).clamp(1, span.len());
    let mut usual: Vec<f32> = span.iter().filter(known).copied().collect();
    usual.sort_by(f32::total_cmp);
    let usual = usual[usual.len() / 2];
    // Frames without a value count as usual.
    let value = |cost: f32| if cost.is_finite() { cost } else { usual };
    let mut sum: f32 = span[..width].iter().map(|&cost| value(cost)).sum();
    let (mut dearest, mut at) = (sum, 0);
    for end in width..span.len() {
        sum += value(span[end]) - value(span[end - width]);
        if sum > dearest {
            (dearest, at) = (sum, end + 1 - width);
        }
    }
    let begins = if dearest / width as f32 > usual + STANDS_OUT { at } else { span.len() / 3 };
    ((first + begins) as f64 * frame_s - PRE_ROLL_S).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dearest_run_is_heard_with_a_pre_roll() {
        let mut cost = vec![0.2; 2000];
        cost[..100].fill(f32::NAN);
        cost[1200..1300].fill(0.8);
        assert!((telling_s(&cost, 0.05) - 58.0).abs() < 0.5, "{}", telling_s(&cost, 0.05));
        // One costly frame alone says nothing.
        cost[1200..1300].fill(0.2);
        cost[1500] = 1.0;
        assert!((telling_s(&cost, 0.05) - (5.0 + 95.0 / 3.0 - 2.0)).abs() < 0.5);
    }

    #[test]
    fn nothing_and_little_begin_at_the_beginning() {
        assert!(telling_s(&[], 0.05).abs() < 1e-9);
        assert!(telling_s(&[f32::NAN; 5], 0.05).abs() < 1e-9);
        assert!(telling_s(&[0.5], 0.05).abs() < 1e-9);
    }
}
