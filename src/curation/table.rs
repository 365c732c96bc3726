//! [`Table`]: the current state of every item, folded from the lines of a journal.

use super::{Act, Record};
use crate::files::name_key;
use std::collections::BTreeMap;

/// An item's lines that hold, oldest first: undoing removes the last one of its curator.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemRecords {
    /// The item.
    pub item: String,
    /// Records about it that were not undone.
    pub records: Vec<Record>,
}

impl ItemRecords {
    /// The record that holds: the last line, whoever wrote it.
    pub fn current(&self) -> Option<&Record> {
        self.records.last()
    }

    /// The last line of a curator.
    pub fn of(&self, curator: &str) -> Option<&Record> {
        self.records.iter().rev().find(|record| record.curator == curator)
    }
}

/// See the module. Taking in a line is O(log n).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// By the item's id, which contains names of files, [as they are compared](name_key).
    numbers: BTreeMap<String, u32>,
    entries: Vec<ItemRecords>,
}

impl Table {
    /// Takes in a line. Returns the number of its entry and the record it undid; a line with nothing to undo changes
    /// nothing.
    pub fn take(&mut self, record: Record) -> (u32, Option<Record>) {
        let key = name_key(&record.item);
        let known = self.numbers.get(&key).copied();
        let number = known.unwrap_or(self.entries.len() as u32);
        if known.is_none() {
            self.numbers.insert(key, number);
            self.entries.push(ItemRecords { item: record.item.clone(), records: Vec::new() });
        }
        let records = &mut self.entries[number as usize].records;
        if record.act == Act::Undone {
            let last = records.iter().rposition(|before| before.curator == record.curator);
            return (number, last.map(|at| records.remove(at)));
        }
        records.push(record);
        (number, None)
    }

    /// The record that holds for an item; `None` if there is none, or all were undone.
    pub fn current(&self, item: &str) -> Option<&Record> {
        self.entry(item)?.current()
    }

    /// All records that hold for an item.
    pub fn entry(&self, item: &str) -> Option<&ItemRecords> {
        self.numbers.get(&name_key(item)).map(|&number| &self.entries[number as usize])
    }

    /// The entry of this number.
    pub(super) fn numbered(&self, number: u32) -> &ItemRecords {
        &self.entries[number as usize]
    }

    /// The items for which some record holds, in the order in which they were first judged.
    pub fn entries(&self) -> impl Iterator<Item = &ItemRecords> {
        self.entries.iter().filter(|entry| !entry.records.is_empty())
    }

    /// The record that holds for each of them.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.entries().filter_map(ItemRecords::current)
    }

    /// The curators, in alphabetical order.
    pub fn curators(&self) -> Vec<&str> {
        let names: std::collections::BTreeSet<&str> =
            self.entries().flat_map(|entry| &entry.records).map(|record| record.curator.as_str()).collect();
        names.into_iter().collect()
    }
}

impl FromIterator<Record> for Table {
    fn from_iter<T: IntoIterator<Item = Record>>(records: T) -> Self {
        let mut table = Self::default();
        for record in records {
            table.take(record);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::super::Decision;
    use super::*;

    fn by(curator: &str, item: &str, act: Act) -> Record {
        Record { curator: curator.into(), act, ..Record::new(item, Decision::Skipped) }
    }

    #[test]
    fn an_item_is_the_same_in_every_form_of_its_name() {
        let yes = Act::Decided(Decision::Confirmed);
        let mut table: Table = [by("ann", "e\u{301}.mid|a", yes), by("bob", "\u{e9}.mid|a", yes)].into_iter().collect();
        assert_eq!((table.entries().count(), table.current("\u{e9}.mid|a").unwrap().curator.as_str()), (1, "bob"));
        assert!(table.take(by("ann", "\u{e9}.mid|a", Act::Undone)).1.is_some());
    }

    #[test]
    fn taking_back_leads_to_what_held_before_of_the_same_curator() {
        let (yes, no) = (Act::Decided(Decision::Confirmed), Act::Decided(Decision::Rejected));
        let lines = [
            by("ann", "a", yes),
            by("ann", "a", no),
            by("bob", "a", yes),
            by("ann", "a", Act::Undone),
            by("ann", "b", Act::Undone),
            by("ann", "c", no),
            by("ann", "c", Act::Undone),
        ];
        let table: Table = lines.into_iter().collect();
        let entry = table.entry("a").unwrap();
        assert_eq!(entry.records.len(), 2);
        assert_eq!(entry.of("ann").unwrap().decision(), Some(Decision::Confirmed));
        assert_eq!(entry.of("bob").unwrap().decision(), Some(Decision::Confirmed));
        assert_eq!(table.records().count(), 1);
        assert_eq!(table.curators(), ["ann", "bob"]);
        assert!(table.current("b").is_none() && table.current("c").is_none());
    }
}
