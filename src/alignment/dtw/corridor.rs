//! [`Corridor`]: the part of the distance matrix that is computed, and that a path may cross.

use crate::error::{Error, Result};
use std::ops::Range;

/// One range of columns per row; neither end ever moves left from one row to the next, and neighbouring rows are
/// connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corridor {
    ranges: Vec<Range<usize>>,
    columns: usize,
}

impl Corridor {
    /// The whole matrix.
    pub fn full(rows: usize, columns: usize) -> Self {
        Self { ranges: vec![0..columns; rows], columns }
    }

    /// A corridor given by the caller: `ranges[i]` holds the columns of row `i` of a matrix that is `columns` wide.
    ///
    /// # Errors
    /// [`Error::Limit`] if a range is empty, leaves the matrix, begins or ends left of the previous one, or can't be
    /// reached from it by a single step.
    pub fn new(ranges: Vec<Range<usize>>, columns: usize) -> Result<Self> {
        let refuse = |row: usize, range: &Range<usize>, limit: String| {
            let value = format!("row {row}: {}..{}", range.start, range.end);
            Err(Error::Limit { what: "corridor", value, limit })
        };
        let mut before = 0..1;
        for (row, range) in ranges.iter().enumerate() {
            if range.is_empty() || range.end > columns {
                return refuse(row, range, format!("a non-empty range in 0..{columns}"));
            }
            if row > 0 && (range.start < before.start || range.end < before.end || range.start > before.end) {
                return refuse(
                    row,
                    range,
                    format!("what follows on {}..{} in the row before", before.start, before.end),
                );
            }
            before = range.clone();
        }
        Ok(Self { ranges, columns })
    }

    /// Everything within `radius` rows and columns of a path that was found on coarser frames.
    ///
    /// Cell `(p, q)` of `path` stands for rows `p × rows_per_cell ..` and columns `q × columns_per_cell ..` of a matrix
    /// of `rows` × `columns`, as `pool` makes them. Rows before and after the path get the range of its
    /// first and last row, so that a free start or end remains possible. An empty path gives the whole matrix.
    pub fn around(
        path: &[(usize, usize)],
        (rows_per_cell, columns_per_cell): (usize, usize),
        (rows, columns): (usize, usize),
        radius: usize,
    ) -> Self {
        let (Some(&first), Some(&last)) = (path.first(), path.last()) else {
            return Self::full(rows, columns);
        };
        if rows == 0 || columns == 0 {
            return Self::full(rows, columns);
        }
        let mut narrow = vec![Range { start: usize::MAX, end: 0 }; rows];
        for &(p, q) in path {
            let from = (p * rows_per_cell).min(rows);
            for range in &mut narrow[from..(from + rows_per_cell).min(rows)] {
                range.start = range.start.min((q * columns_per_cell).min(columns - 1));
                range.end = range.end.max(((q + 1) * columns_per_cell).min(columns));
            }
        }
        let top = (first.0 * rows_per_cell).min(rows - 1);
        let bottom = ((last.0 + 1) * rows_per_cell).clamp(top + 1, rows) - 1;
        let at = |row: usize| &narrow[row.clamp(top, bottom)];
        let widen = |row: usize| {
            at(row.saturating_sub(radius)).start.saturating_sub(radius)..(at(row + radius).end + radius).min(columns)
        };
        Self { ranges: (0..rows).map(widen).collect(), columns }
    }

    /// Number of rows of the matrix.
    pub fn rows(&self) -> usize {
        self.ranges.len()
    }

    /// Number of columns of the matrix.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// The columns of `row` inside the corridor.
    pub fn row(&self, row: usize) -> Range<usize> {
        self.ranges[row].clone()
    }

    /// Number of cells inside.
    pub fn cells(&self) -> usize {
        self.ranges.iter().map(ExactSizeIterator::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corridor_holds_all_cells_within_its_radius() {
        let path = [(0, 1), (1, 2), (2, 2), (3, 3), (3, 4)];
        let corridor = Corridor::around(&path, (3, 4), (12, 22), 2);
        for &(p, q) in &path {
            for i in (p * 3).saturating_sub(2)..((p + 1) * 3 + 2).min(12) {
                for j in (q * 4).saturating_sub(2)..((q + 1) * 4 + 2).min(22) {
                    assert!(corridor.row(i).contains(&j), "{i}, {j}");
                }
            }
        }
        Corridor::new(corridor.ranges.clone(), 22).expect("legal");
        assert!(corridor.cells() < 12 * 22);
    }

    #[test]
    fn broken_corridors_are_refused_with_the_row() {
        for (ranges, row) in [
            (vec![0..2, 3..4], "row 1"),
            (vec![1..2, 0..2], "row 1"),
            (vec![0..0, 0..1], "row 0"),
            (vec![0..9, 0..9], "row 0"),
        ] {
            let message = Corridor::new(ranges, 5).expect_err("illegal").to_string();
            assert!(message.contains(row), "{message}");
        }
    }
}
