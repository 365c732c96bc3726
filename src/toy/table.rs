//! Table 1 of the paper: every problem, network and length, kept in a folder so that it can be stopped and resumed.
//!
//! `runs.json` (`toy-table/1`) holds the finished runs, `running.json` the network of the current run after its last
//! epoch.

use super::{EPOCH_UPDATES, Epoch, Lengths, Pooling, Problem, Run, Task};
use crate::error::{Error, Result};
use crate::files;
use crate::job::Progress;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Lengths of the paper's Table 1.
pub const LENGTHS: [usize; 6] = [50, 100, 500, 1000, 5000, 10_000];
/// Learning rates that the paper tries, in the order in which they are tried here.
pub const LEARNING_RATES: [f32; 4] = [0.003, 0.001, 0.01, 0.0003];
/// Epochs after which the paper gives up.
pub const MOST_EPOCHS: usize = 100;

/// What the paper reports for a cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Published {
    /// Epochs until every held-out sequence was answered.
    Epochs(usize),
    /// Share answered after 100 epochs.
    Accuracy(f64),
}

/// The paper's number for a task (Table 1; for varied lengths section 3.3), if it has one.
pub fn published(task: Task) -> Option<Published> {
    use Published::{Accuracy, Epochs};
    let column = match task.lengths {
        Lengths::Near(length) => LENGTHS.iter().position(|l| *l == length)?,
        Lengths::Varied { shortest: 50, longest: 10_000 } => LENGTHS.len(),
        Lengths::Varied { .. } => return None,
    };
    let row = match (task.problem, task.pooling) {
        (Problem::Addition, Pooling::Attention) => {
            [Epochs(1), Epochs(1), Epochs(1), Epochs(1), Epochs(2), Epochs(3), Accuracy(0.999)]
        }
        (Problem::Addition, Pooling::Unweighted) => {
            [Epochs(1), Epochs(1), Epochs(1), Epochs(2), Epochs(8), Epochs(17), Accuracy(0.774)]
        }
        (Problem::Multiplication, Pooling::Attention) => {
            [Epochs(1), Epochs(2), Epochs(4), Epochs(2), Epochs(15), Epochs(6), Accuracy(0.994)]
        }
        (Problem::Multiplication, Pooling::Unweighted) => {
            [Epochs(2), Epochs(2), Epochs(8), Epochs(33), Accuracy(0.898), Accuracy(0.808), Accuracy(0.555)]
        }
    };
    Some(row[column])
}

/// A finished run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// The task.
    pub task: Task,
    /// Learning rate.
    pub learning_rate: f32,
    /// Seed of weights and sequences.
    pub seed: u64,
    /// Epochs allowed.
    pub most_epochs: usize,
    /// Every epoch.
    pub epochs: Vec<Epoch>,
}

impl Finished {
    /// The number of epochs until every held-out sequence was answered.
    pub fn solved_after(&self) -> Option<usize> {
        self.epochs.iter().position(|epoch| epoch.accuracy >= 1.0).map(|i| i + 1)
    }

    /// Accuracy after the last epoch.
    pub fn accuracy(&self) -> f64 {
        self.epochs.last().map_or(0.0, |epoch| epoch.accuracy)
    }
}

/// A cell of the table, to be filled.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The task.
    pub task: Task,
    /// Learning rates to try, one after another.
    pub learning_rates: Vec<f32>,
    /// Epochs allowed.
    pub most_epochs: usize,
}

#[derive(Serialize, Deserialize)]
struct Document {
    antiphon: String,
    format: String,
    runs: Vec<Finished>,
}

/// A table in its folder.
#[derive(Debug)]
pub struct ToyTable {
    folder: PathBuf,
    runs: Vec<Finished>,
}

const FORMAT: &str = "toy-table/1";

impl ToyTable {
    /// Opens the table in `folder`, or starts one.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Session`] if `runs.json` is not a table of this version.
    pub fn open(folder: &Path) -> Result<Self> {
        files::create_folder(folder)?;
        let path = folder.join("runs.json");
        let runs = match std::fs::read(&path) {
            Ok(bytes) => {
                let unreadable = |reason: String| Error::Session { reason, path: path.clone() };
                let document: Document = serde_json::from_slice(&bytes).map_err(|e| unreadable(e.to_string()))?;
                if document.format != FORMAT {
                    return Err(unreadable(format!("its format is {:?}, not {FORMAT:?}", document.format)));
                }
                document.runs
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        Ok(Self { folder: folder.to_path_buf(), runs })
    }

    /// The finished runs, in the order in which they were finished.
    pub fn runs(&self) -> &[Finished] {
        &self.runs
    }

    /// The run of a task that took the fewest epochs, or got furthest if none solved it.
    pub fn best(&self, task: Task) -> Option<&Finished> {
        let of_task = self.runs.iter().filter(|run| run.task == task);
        of_task.min_by(|a, b| {
            let epochs = |run: &Finished| run.solved_after().unwrap_or(usize::MAX);
            epochs(a).cmp(&epochs(b)).then(b.accuracy().total_cmp(&a.accuracy()))
        })
    }

    /// Fills in what is missing of `cells`, one run after another; `report` receives each epoch. As in the paper, a run
    /// stops once every sequence is answered, or once it can no longer be faster than the best of its cell.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Limit`], [`Error::Cancelled`]; nothing finished is lost then, and at most one epoch of
    /// the current run.
    pub fn fill(
        &mut self,
        cells: &[Cell],
        seed: u64,
        progress: &Progress,
        mut report: impl FnMut(Task, f32, usize, Epoch),
    ) -> Result<()> {
        let total: usize = cells.iter().map(|cell| cell.learning_rates.len()).sum();
        let mut done = 0;
        for cell in cells {
            for &learning_rate in &cell.learning_rates {
                let part = progress.part(done as f32 / total as f32, (done + 1) as f32 / total as f32);
                done += 1;
                let is_this = |run: &Finished| {
                    run.task == cell.task && run.learning_rate.to_bits() == learning_rate.to_bits() && run.seed == seed
                };
                if self.runs.iter().any(is_this) {
                    continue;
                }
                let fastest = self.best(cell.task).and_then(Finished::solved_after);
                let allowed = fastest.map_or(cell.most_epochs, |epochs| cell.most_epochs.min(epochs - 1));
                let mut run = self.resumed(cell.task, learning_rate, seed);
                while run.epochs().len() < allowed && !run.solved() {
                    let at = run.epochs().len() as f32 / allowed as f32;
                    let step = part.part(at, at + 1.0 / allowed as f32);
                    let epoch = run.epoch(EPOCH_UPDATES, &step)?;
                    self.write("running.json", &run)?;
                    report(cell.task, learning_rate, run.epochs().len(), epoch);
                }
                let epochs = run.epochs().to_vec();
                self.runs.push(Finished { task: cell.task, learning_rate, seed, most_epochs: allowed, epochs });
                self.save()?;
            }
        }
        progress.step(1, 1)
    }

    /// The current run, if it is this one; otherwise a fresh one.
    fn resumed(&self, task: Task, learning_rate: f32, seed: u64) -> Run {
        let written = std::fs::read(self.folder.join("running.json")).ok();
        let run = written.and_then(|bytes| serde_json::from_slice::<Run>(&bytes).ok());
        let is_this = |run: &Run| {
            run.is_sound()
                && run.task == task
                && run.learning_rate.to_bits() == learning_rate.to_bits()
                && run.seed == seed
        };
        run.filter(is_this).unwrap_or_else(|| Run::new(task, learning_rate, seed))
    }

    fn save(&self) -> Result<()> {
        let document =
            Document { antiphon: env!("CARGO_PKG_VERSION").into(), format: FORMAT.into(), runs: self.runs.clone() };
        self.write("runs.json", &document)
    }

    fn write(&self, name: &str, document: &impl Serialize) -> Result<()> {
        let path = self.folder.join(name);
        let text = serde_json::to_vec(document).map_err(std::io::Error::from).map_err(Error::io("write", &path))?;
        files::write(&path, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: Task = Task { problem: Problem::Addition, pooling: Pooling::Attention, lengths: Lengths::Near(20) };

    fn finished(learning_rate: f32, accuracies: &[f64]) -> Finished {
        let epochs = accuracies.iter().map(|&accuracy| Epoch { accuracy, loss: 0.1, seconds: 1.0 }).collect();
        Finished { task: TASK, learning_rate, seed: 1, most_epochs: 100, epochs }
    }

    #[test]
    fn the_best_run_solves_first_or_gets_furthest() {
        let mut table = ToyTable { folder: PathBuf::new(), runs: vec![finished(0.01, &[0.2, 0.9])] };
        table.runs.push(finished(0.003, &[0.3, 0.8]));
        assert_eq!(table.best(TASK).map(|run| run.learning_rate), Some(0.01));
        table.runs.push(finished(0.001, &[0.3, 0.5, 1.0]));
        assert_eq!(table.best(TASK).and_then(Finished::solved_after), Some(3));
        let other = Task { problem: Problem::Multiplication, ..TASK };
        assert_eq!(table.best(other), None);
    }

    #[test]
    fn finished_runs_are_kept_and_not_done_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut table = ToyTable::open(folder.path()).unwrap();
        // Solved in one epoch at the first rate: the second can't be faster and costs nothing.
        table.runs.push(finished(0.003, &[1.0]));
        let cell = Cell { task: TASK, learning_rates: vec![0.003, 0.001], most_epochs: 3 };
        table
            .fill(std::slice::from_ref(&cell), 1, &Progress::silent(), |_, _, _, _| panic!("nothing to train"))
            .unwrap();
        assert_eq!(table.runs().len(), 2);
        let again = ToyTable::open(folder.path()).unwrap();
        assert_eq!(again.runs(), table.runs());
    }

    #[test]
    fn a_run_in_work_is_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let table = ToyTable::open(folder.path()).unwrap();
        let mut run = Run::new(TASK, 0.003, 1);
        run.epoch(2, &Progress::silent()).unwrap();
        files::write(&folder.path().join("running.json"), &serde_json::to_vec(&run).unwrap()).unwrap();
        assert_eq!(table.resumed(TASK, 0.003, 1), run);
        assert_eq!(table.resumed(TASK, 0.01, 1).epochs().len(), 0);
        std::fs::write(folder.path().join("running.json"), b"{\"task\":").unwrap();
        assert_eq!(table.resumed(TASK, 0.003, 1).epochs().len(), 0);
    }

    #[test]
    fn a_table_of_another_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("runs.json"), r#"{"antiphon":"9","format":"toy-table/2","runs":[]}"#)
            .unwrap();
        let message = ToyTable::open(folder.path()).unwrap_err().to_string();
        assert!(message.contains("toy-table/2"), "{message}");
    }

    #[test]
    fn the_papers_table_is_complete() {
        for problem in [Problem::Addition, Problem::Multiplication] {
            for pooling in [Pooling::Attention, Pooling::Unweighted] {
                for length in LENGTHS {
                    assert!(published(Task { problem, pooling, lengths: Lengths::Near(length) }).is_some());
                }
            }
        }
        assert_eq!(published(TASK), None);
    }
}
