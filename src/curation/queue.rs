//! [`Queue`]: the order in which pairs are judged, and the progress so far.

use super::sources::Items;
use super::table::Table;
use super::{Decision, Record};
use crate::error::Result;
use crate::files::search_key;
use crate::job::Progress;
use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Number of parts in the confidence range for [`Order::Stratified`].
const STRATA: usize = 10;

/// Which items come first.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// As in the source.
    Listed,
    /// The most confident first.
    #[default]
    Best,
    /// Those nearest to the threshold first: their decisions show where it should be.
    Uncertain {
        /// The threshold, 0..=1.
        threshold: f32,
    },
    /// One from each tenth of the confidences in turn: the findings hold for the whole range.
    Stratified {
        /// Seed of the draw inside each tenth.
        seed: u64,
    },
    /// Drawn at random.
    Random {
        /// Seed of the draw.
        seed: u64,
    },
}

impl Order {
    /// Its name in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Best => "best",
            Self::Uncertain { .. } => "uncertain",
            Self::Stratified { .. } => "stratified",
            Self::Random { .. } => "random",
        }
    }
}

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nobody has decided.
    Unreviewed,
    /// As decided.
    Confirmed,
    /// As decided.
    Rejected,
    /// As decided.
    Unsure,
    /// As decided.
    Skipped,
}

impl State {
    /// All.
    pub const ALL: [Self; 5] = [Self::Unreviewed, Self::Confirmed, Self::Rejected, Self::Unsure, Self::Skipped];

    /// A name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreviewed => "unreviewed",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Unsure => "unsure",
            Self::Skipped => "skipped",
        }
    }

    fn of(record: Option<&Record>) -> Self {
        match record.and_then(Record::decision) {
            None => Self::Unreviewed,
            Some(Decision::Confirmed) => Self::Confirmed,
            Some(Decision::Rejected) => Self::Rejected,
            Some(Decision::Unsure) => Self::Unsure,
            Some(Decision::Skipped) => Self::Skipped,
        }
    }
}

/// Which items are shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueFilter {
    /// Only those in this state.
    pub state: Option<State>,
    /// Only those with a flag.
    pub flagged: bool,
    /// Only those with this text in an id, a name or a path, ignoring case.
    pub text: String,
}

/// Which items of a queue are shown, and in which order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Arrangement {
    /// Which comes first.
    pub order: Order,
    /// Which are shown.
    pub filter: QueueFilter,
}

/// How many items are in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueCounts {
    by_state: [usize; State::ALL.len()],
    /// Items with a flag.
    pub flagged: usize,
}

impl QueueCounts {
    /// Items in a state.
    pub fn of(&self, state: State) -> usize {
        self.by_state[state as usize]
    }

    /// Number of decided items, not counting skipped ones.
    pub fn decided(&self) -> usize {
        self.of(State::Confirmed) + self.of(State::Rejected) + self.of(State::Unsure)
    }
}

const FLAG: u8 = 1 << 7;

/// See the module. A decision costs O(1), whatever the number of items.
#[derive(Debug, Clone)]
pub struct Queue {
    items: Arc<Items>,
    /// State of each item, combined with [`FLAG`].
    states: Vec<u8>,
    /// Indexes of the items that are shown, in order.
    shown: Arc<Vec<u32>>,
    at: usize,
    arrangement: Arrangement,
    counts: QueueCounts,
}

impl Queue {
    /// Shows all items, the most confident first, in their current state.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`].
    pub fn new(items: Arc<Items>, table: &Table, progress: &Progress) -> Result<Self> {
        let mut states = vec![0; items.len()];
        let mut counts = QueueCounts::default();
        for record in table.records() {
            if let Some(index) = items.find(&record.item) {
                states[index] = State::of(Some(record)) as u8 | if record.flag { FLAG } else { 0 };
            }
        }
        for &state in &states {
            counts.by_state[usize::from(state & !FLAG)] += 1;
            counts.flagged += usize::from(state & FLAG != 0);
        }
        let arrangement = Arrangement::default();
        let shown = Arc::new(arrange(&items, &states, &arrangement, progress)?);
        Ok(Self { items, states, shown, at: 0, arrangement, counts })
    }

    /// The items.
    pub fn items(&self) -> &Arc<Items> {
        &self.items
    }

    /// How many items are in each state, over all items, shown or not.
    pub fn counts(&self) -> QueueCounts {
        self.counts
    }

    /// Indexes of the items that are shown, in order.
    pub fn shown(&self) -> &[u32] {
        &self.shown
    }

    /// The current order.
    pub fn order(&self) -> Order {
        self.arrangement.order
    }

    /// Order and filter, to return to later.
    pub fn arrangement(&self) -> &Arrangement {
        &self.arrangement
    }

    /// Which are shown.
    pub fn filter(&self) -> &QueueFilter {
        &self.arrangement.filter
    }

    /// The place in [`shown`](Self::shown).
    pub fn place(&self) -> usize {
        self.at
    }

    /// The selected item.
    pub fn current(&self) -> Option<usize> {
        self.shown.get(self.at).map(|&index| index as usize)
    }

    /// Where an item stands.
    pub fn state(&self, index: usize) -> State {
        State::ALL[usize::from(self.states[index] & !FLAG).min(State::ALL.len() - 1)]
    }

    /// Whether an item has a flag.
    pub fn flagged(&self, index: usize) -> bool {
        self.states[index] & FLAG != 0
    }

    /// Takes in the journal's record of an item. The list shown stays unchanged until it is [arranged](arrange) again,
    /// so that nothing moves while the user is looking.
    pub fn set(&mut self, index: usize, record: Option<&Record>) {
        let state = State::of(record) as u8 | if record.is_some_and(|record| record.flag) { FLAG } else { 0 };
        let before = std::mem::replace(&mut self.states[index], state);
        self.counts.by_state[usize::from(before & !FLAG)] -= 1;
        self.counts.by_state[usize::from(state & !FLAG)] += 1;
        self.counts.flagged = self.counts.flagged + usize::from(state & FLAG != 0) - usize::from(before & FLAG != 0);
    }

    /// Moves this many places forward or back. Returns whether there is such a place.
    pub fn step(&mut self, by: isize) -> bool {
        match self.at.checked_add_signed(by).filter(|&at| at < self.shown.len()) {
            Some(at) => {
                self.at = at;
                true
            }
            None => false,
        }
    }

    /// Moves to the next undecided item, wrapping around at the end; stays if there is none. Returns whether there was
    /// one.
    pub fn advance(&mut self) -> bool {
        match self.ahead(1).first() {
            Some(&(place, _)) => {
                self.at = place;
                true
            }
            None => false,
        }
    }

    /// Places and indexes of the next undecided items: `count` at most.
    pub fn ahead(&self, count: usize) -> Vec<(usize, usize)> {
        let places = (self.at + 1..self.shown.len()).chain(0..self.at.min(self.shown.len()));
        let open = places.map(|place| (place, self.shown[place] as usize));
        open.filter(|&(_, index)| self.state(index) == State::Unreviewed).take(count).collect()
    }

    /// Goes to an item. Returns whether it is shown.
    pub fn go_to(&mut self, index: usize) -> bool {
        let place = self.shown.iter().position(|&shown| shown as usize == index);
        self.at = place.unwrap_or(self.at);
        place.is_some()
    }

    /// Goes to a place.
    pub fn go_to_place(&mut self, place: usize) {
        self.at = place.min(self.shown.len().saturating_sub(1));
    }

    /// The states that [`arrange`] takes; call that where nobody waits.
    pub fn states(&self) -> &[u8] {
        &self.states
    }

    /// Shows `shown`, as made by [`arrange`]. The selected item stays selected if it is still shown; otherwise the
    /// first open one is selected.
    pub fn show(&mut self, shown: Vec<u32>, arrangement: Arrangement) {
        let current = self.current();
        (self.shown, self.arrangement) = (Arc::new(shown), arrangement);
        self.at = 0;
        let stays = current.is_some_and(|index| self.go_to(index));
        if !stays && self.current().is_some_and(|index| self.state(index) != State::Unreviewed) {
            self.advance();
        }
    }
}

/// The items that pass a filter, in an order. O(n log n): for a thread of its own.
///
/// # Errors
/// [`crate::Error::Cancelled`].
pub fn arrange(items: &Items, states: &[u8], arrangement: &Arrangement, progress: &Progress) -> Result<Vec<u32>> {
    let Arrangement { order, filter } = arrangement;
    let wanted = search_key(filter.text.trim());
    let mut shown = Vec::new();
    for (index, state) in states.iter().enumerate() {
        if index % 4096 == 0 {
            progress.step(index / 2, states.len())?;
        }
        let fits = filter.state.is_none_or(|only| only as u8 == state & !FLAG)
            && (!filter.flagged || state & FLAG != 0)
            && (wanted.is_empty() || items.matches(index, &wanted));
        if fits {
            shown.push(index as u32);
        }
    }
    // Items without a confidence come last.
    let confidence = |index: u32| items.confidence(index as usize).unwrap_or(-1.0);
    let drawn = |seed: u64| {
        let mut random = Pcg64::seed_from_u64(seed);
        // Keys for all items, so that a filter does not change the order of those that pass it.
        let keys: Vec<u64> = states.iter().map(|_| random.next_u64()).collect();
        move |index: u32| keys[index as usize]
    };
    match *order {
        Order::Listed => {}
        Order::Best => shown.sort_by(|&a, &b| confidence(b).total_cmp(&confidence(a))),
        Order::Uncertain { threshold } => {
            let away = |index: u32| items.confidence(index as usize).map_or(f32::INFINITY, |c| (c - threshold).abs());
            shown.sort_by(|&a, &b| away(a).total_cmp(&away(b)));
        }
        Order::Random { seed } => {
            let key = drawn(seed);
            shown.sort_unstable_by_key(|&index| (key(index), index));
        }
        Order::Stratified { seed } => {
            let key = drawn(seed);
            let stratum = |index: u32| {
                let at = |c: f32| ((c * STRATA as f32) as usize).min(STRATA - 1);
                items.confidence(index as usize).map_or(STRATA, at)
            };
            shown.sort_unstable_by_key(|&index| (key(index), index));
            let mut counts = [0_u32; STRATA + 1];
            let mut turns: Vec<(u32, usize, u32)> = Vec::with_capacity(shown.len());
            for &index in &shown {
                let stratum = stratum(index);
                turns.push((counts[stratum], stratum, index));
                counts[stratum] += 1;
            }
            turns.sort_unstable_by_key(|&(turn, stratum, _)| (turn, stratum));
            shown = turns.into_iter().map(|(_, _, index)| index).collect();
        }
    }
    progress.step(1, 1)?;
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::super::Item;
    use super::*;

    fn items(count: usize) -> Items {
        Items::from_list((0..count).map(|i| Item {
            id: format!("{i:07}"),
            midi: format!("lmd/{i:07}.mid").into(),
            audio: format!("audio/{i:07}.mp3").into(),
            // All of 0, .01, … .99, mixed.
            confidence: Some((i * 37 % 100) as f64 / 100.0),
            ..Item::default()
        }))
    }

    fn queue(count: usize) -> Queue {
        Queue::new(Arc::new(items(count)), &Table::default(), &Progress::silent()).unwrap()
    }

    fn arranged(queue: &Queue, order: Order, filter: &QueueFilter) -> Vec<u32> {
        let arrangement = Arrangement { order, filter: filter.clone() };
        arrange(&queue.items, &queue.states, &arrangement, &Progress::silent()).unwrap()
    }

    #[test]
    fn the_orders_are_what_they_are_called() {
        let queue = queue(100);
        let confidences = |order: Order| -> Vec<f32> {
            let shown = arranged(&queue, order, &QueueFilter::default());
            assert_eq!(shown.iter().collect::<std::collections::BTreeSet<_>>().len(), 100);
            shown.iter().map(|&index| queue.items.confidence(index as usize).unwrap()).collect()
        };
        assert!(confidences(Order::Best).is_sorted_by(|a, b| a >= b));
        let uncertain = confidences(Order::Uncertain { threshold: 0.5 });
        assert!(uncertain.is_sorted_by(|a, b| (a - 0.5).abs() <= (b - 0.5).abs()));
        for ten in confidences(Order::Stratified { seed: 1 }).chunks(10) {
            let strata: Vec<usize> = ten.iter().map(|c| (c * 10.0 + 1e-4) as usize).collect();
            assert_eq!(strata, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        }
        let random = |seed| confidences(Order::Random { seed });
        assert_eq!(random(7), random(7));
        assert_ne!(random(7), random(8));
        assert_ne!(confidences(Order::Stratified { seed: 1 }), confidences(Order::Stratified { seed: 2 }));
    }

    #[test]
    fn filters_let_through_what_they_say_and_counts_follow() {
        let mut queue = queue(20);
        let mut decide = |index: usize, decision, flag| {
            let record = Record { flag, ..Record::new(queue.items.id(index).to_owned(), decision) };
            queue.set(index, Some(&record));
        };
        decide(3, Decision::Confirmed, true);
        decide(4, Decision::Rejected, false);
        decide(5, Decision::Skipped, false);
        assert_eq!(
            (queue.counts().of(State::Unreviewed), queue.counts().decided(), queue.counts().flagged),
            (17, 2, 1)
        );
        let shown = |filter: QueueFilter| arranged(&queue, Order::Listed, &filter);
        assert_eq!(shown(QueueFilter { state: Some(State::Confirmed), ..QueueFilter::default() }), [3]);
        assert_eq!(shown(QueueFilter { flagged: true, ..QueueFilter::default() }), [3]);
        assert_eq!(shown(QueueFilter { text: "AUDIO/0000012".into(), ..QueueFilter::default() }), [12]);
        assert_eq!(shown(QueueFilter { state: Some(State::Unreviewed), ..QueueFilter::default() }).len(), 17);
        queue.set(3, None);
        assert_eq!((queue.counts().of(State::Unreviewed), queue.counts().flagged), (18, 0));
    }

    #[test]
    fn deciding_goes_to_the_next_open_item_and_around() {
        let mut queue = queue(5);
        let listed = Arrangement { order: Order::Listed, ..Arrangement::default() };
        queue.show(vec![0, 1, 2, 3, 4], listed.clone());
        let record = Record::new("x", Decision::Confirmed);
        queue.set(1, Some(&record));
        queue.set(2, Some(&record));
        queue.go_to(0);
        assert_eq!(queue.ahead(3), [(3, 3), (4, 4)]);
        assert!(queue.advance());
        assert_eq!(queue.current(), Some(3));
        queue.set(3, Some(&record));
        queue.set(4, Some(&record));
        assert!(queue.advance());
        assert_eq!(queue.current(), Some(0));
        queue.set(0, Some(&record));
        assert!(!queue.advance() && queue.current() == Some(0));
        assert!(queue.step(2) && queue.current() == Some(2));
        assert!(!queue.step(3) && !queue.step(-3));
        // The selected item stays when the order changes.
        queue.show(vec![4, 2, 0], listed.clone());
        assert_eq!((queue.current(), queue.place()), (Some(2), 1));
        queue.show(Vec::new(), listed);
        assert_eq!(queue.current(), None);
        assert!(!queue.advance() && queue.ahead(3).is_empty());
    }

    #[test]
    fn a_million_items_take_little_room_and_a_decision_no_time() {
        let mut queue = queue(1_000_000);
        // 80 bytes of it are the texts themselves.
        assert!(queue.items.bytes() < 200 * 1_000_000, "{} bytes", queue.items.bytes());
        assert_eq!(queue.items.find("0765432"), Some(765_432));
        let record = Record::new("x", Decision::Confirmed);
        let started = std::time::Instant::now();
        for _ in 0..10_000 {
            let index = queue.current().unwrap();
            queue.set(index, Some(&record));
            queue.advance();
            assert_eq!(queue.ahead(3).len(), 3);
        }
        eprintln!("a decision and the next three of a million items: {:.2?}", started.elapsed() / 10_000);
        // The limit is for a debug build on a machine that is doing other things.
        assert!(started.elapsed().as_secs_f64() / 10_000.0 < 1e-3, "{:?} for 10,000", started.elapsed());
        assert_eq!(queue.counts().of(State::Confirmed), 10_000);
        let first = arranged(&queue, Order::Stratified { seed: 3 }, &QueueFilter::default());
        assert_eq!(first.len(), 1_000_000);
    }
}
