//! `antiphon toy`.

use super::flags::{Draw, Json, Quiet};
use super::help::examples;
use super::output::or_no_folder;
use antiphon::error::Result;
use antiphon::toy::table::{self, Cell, Finished, LEARNING_RATES, LENGTHS, MOST_EPOCHS, Published, ToyTable};
use antiphon::toy::{EPOCH_UPDATES, Epoch, Lengths, Pooling, Problem, Run, Task};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// The toy problems of feed-forward attention (Raffel and Ellis, 2015).
#[derive(Debug, Subcommand)]
pub(super) enum Toy {
    /// Train a network to add two marked numbers of a long sequence.
    #[command(after_help = examples(&["antiphon toy addition --length 100"]))]
    Addition(One),
    /// Train a network to multiply two marked numbers of a long sequence.
    #[command(after_help = examples(&["antiphon toy multiplication --varied --epochs 20"]))]
    Multiplication(One),
    /// Fill in the paper's Table 1; run again after an interruption to resume.
    #[command(after_help = examples(&["antiphon toy table -o toy --lengths 50,100 --epochs 20"]))]
    Table(Whole),
}

/// One network.
#[derive(Debug, Args)]
#[command(mut_arg("seed", |arg| arg.default_value("1")))]
pub(super) struct One {
    /// Length of the shortest sequence; the longest is a tenth longer.
    #[arg(long, value_name = "STEPS", default_value_t = 100)]
    length: usize,
    /// Train on sequences of 50 to 10,000 steps instead.
    #[arg(long, conflicts_with = "length")]
    varied: bool,
    /// Take the plain mean of the steps instead of attention.
    #[arg(long)]
    unweighted: bool,
    /// Learning rate; the paper tries .01, .003, .001 and .0003.
    #[arg(long, value_name = "RATE", default_value_t = 0.003)]
    learning_rate: f32,
    /// Maximum number of epochs, of 1,000 updates each.
    #[arg(long, value_name = "N", default_value_t = MOST_EPOCHS)]
    epochs: usize,
    #[command(flatten)]
    draw: Draw,
    #[command(flatten)]
    report: Json,
    #[command(flatten)]
    terminal: Quiet,
}

/// The table.
#[derive(Debug, Args)]
#[command(mut_arg("seed", |arg| arg.default_value("1")))]
pub(super) struct Whole {
    /// Keep the table in this folder.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Lengths of sequences to fill in.
    #[arg(long, value_name = "STEPS", value_delimiter = ',', default_values_t = LENGTHS)]
    lengths: Vec<usize>,
    /// Learning rates to try up to 1,000 steps.
    #[arg(long, value_name = "RATES", value_delimiter = ',', default_values_t = LEARNING_RATES)]
    rates: Vec<f32>,
    /// Learning rates to try for longer sequences and for varied ones.
    #[arg(long, value_name = "RATES", value_delimiter = ',', default_values_t = [0.003])]
    long_rates: Vec<f32>,
    /// Maximum number of epochs, of 1,000 updates each.
    #[arg(long, value_name = "N", default_value_t = MOST_EPOCHS)]
    epochs: usize,
    /// Maximum number of epochs for networks without attention, for sequences of more than 1,000 steps and varied ones.
    #[arg(long, value_name = "N", default_value_t = MOST_EPOCHS)]
    long_epochs: usize,
    /// Also train on sequences of 50 to 10,000 steps.
    #[arg(long)]
    varied: bool,
    #[command(flatten)]
    draw: Draw,
    #[command(flatten)]
    report: Json,
    #[command(flatten)]
    terminal: Quiet,
}

const VARIED: Lengths = Lengths::Varied { shortest: 50, longest: 10_000 };

impl Toy {
    pub(super) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Addition(one) => one.run(Problem::Addition),
            Self::Multiplication(one) => one.run(Problem::Multiplication),
            Self::Table(whole) => whole.run(),
        }
    }
}

impl One {
    fn run(self, problem: Problem) -> Result<ExitCode> {
        let progress = self.terminal.progress();
        let pooling = if self.unweighted { Pooling::Unweighted } else { Pooling::Attention };
        let lengths = if self.varied { VARIED } else { Lengths::Near(self.length) };
        let task = Task { problem, pooling, lengths };
        let mut run = Run::new(task, self.learning_rate, self.draw.seed);
        while run.epochs().len() < self.epochs && !run.solved() {
            let at = run.epochs().len() as f32 / self.epochs as f32;
            let epoch = run.epoch(EPOCH_UPDATES, &progress.part(at, at + 1.0 / self.epochs as f32))?;
            if !self.terminal.quiet {
                say(task, self.learning_rate, run.epochs().len(), epoch);
            }
        }
        if self.report.json {
            let document = json!({
                "antiphon": env!("CARGO_PKG_VERSION"),
                "format": "toy/1",
                "task": task,
                "learning_rate": self.learning_rate,
                "seed": self.draw.seed,
                "parameters": run.parameter_count(),
                "solved": run.solved(),
                "epochs": run.epochs(),
                "published": table::published(task),
            });
            answer!("{document:#}");
        } else {
            let accuracy = run.epochs().last().map_or(0.0, |epoch| epoch.accuracy);
            let solved = if run.solved() { "solved" } else { "not solved" };
            answer!("{solved} after {} epochs, {:.1} % right", run.epochs().len(), 100.0 * accuracy);
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Whole {
    fn run(self) -> Result<ExitCode> {
        or_no_folder(std::slice::from_ref(&self.output), || self.fill())
    }

    fn fill(&self) -> Result<ExitCode> {
        let progress = self.terminal.progress();
        let cells = self.cells();
        let mut table = ToyTable::open(&self.output)?;
        table.fill(&cells, self.draw.seed, &progress, |task, rate, epochs, epoch| {
            if !self.terminal.quiet {
                say(task, rate, epochs, epoch);
            }
        })?;
        if self.report.json {
            let rows: Vec<_> = cells
                .iter()
                .map(|cell| json!({ "task": cell.task, "best": table.best(cell.task), "published": table::published(cell.task) }))
                .collect();
            let document = json!({ "antiphon": env!("CARGO_PKG_VERSION"), "format": "toy-table/1", "cells": rows });
            answer!("{document:#}");
        } else {
            for cell in &cells {
                let ours = table.best(cell.task).map_or_else(|| "–".into(), outcome);
                let paper = match table::published(cell.task) {
                    Some(Published::Epochs(epochs)) => format!("{epochs}"),
                    Some(Published::Accuracy(share)) => format!("{:.1} %", 100.0 * share),
                    None => "–".into(),
                };
                answer!("{:44} {ours:32} paper {paper}", name(cell.task));
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The cells to fill, short sequences first: what takes longest comes last.
    fn cells(&self) -> Vec<Cell> {
        let mut lengths: Vec<Lengths> = self.lengths.iter().map(|l| Lengths::Near(*l)).collect();
        if self.varied {
            lengths.push(VARIED);
        }
        let mut cells = Vec::new();
        for lengths in lengths {
            let long = !matches!(lengths, Lengths::Near(..=1000));
            for pooling in [Pooling::Attention, Pooling::Unweighted] {
                for problem in [Problem::Addition, Problem::Multiplication] {
                    let learning_rates = if long { &self.long_rates } else { &self.rates }.clone();
                    let cut = long && pooling == Pooling::Unweighted;
                    let most_epochs = if cut { self.long_epochs } else { self.epochs };
                    cells.push(Cell { task: Task { problem, pooling, lengths }, learning_rates, most_epochs });
                }
            }
        }
        cells
    }
}

fn name(task: Task) -> String {
    let problem = match task.problem {
        Problem::Addition => "addition",
        Problem::Multiplication => "multiplication",
    };
    let pooling = match task.pooling {
        Pooling::Attention => "attention",
        Pooling::Unweighted => "unweighted",
    };
    match task.lengths {
        Lengths::Near(length) => format!("{problem}, {pooling}, {length} steps"),
        Lengths::Varied { shortest, longest } => format!("{problem}, {pooling}, {shortest} to {longest} steps"),
    }
}

fn outcome(run: &Finished) -> String {
    let seconds = run.epochs.iter().map(|e| e.seconds).sum::<f64>() / run.epochs.len().max(1) as f64;
    let reached = match run.solved_after() {
        Some(epochs) => format!("{epochs}"),
        None => format!("{:.1} % after {}", 100.0 * run.accuracy(), run.epochs.len()),
    };
    format!("{reached} (rate {}, {seconds:.1} s an epoch)", run.learning_rate)
}

fn say(task: Task, rate: f32, epochs: usize, epoch: Epoch) {
    message!(
        "{}, rate {rate}, epoch {epochs}: {:.1} % right, loss {:.6}, {:.1} s",
        name(task),
        100.0 * epoch.accuracy,
        epoch.loss,
        epoch.seconds
    );
}
