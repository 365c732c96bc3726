//! [`Gpu`]: steps on a graphics card, through the `burn` crate.
//!
//! Both sides have the same layers, so both are in one tensor and each operation handles both: a small network is
//! limited by the number of operations, not by their size. Parameters and the optimiser's state stay on the card; each
//! step uploads a batch, and a sum of losses comes back every [`TELL`] steps.

mod losses;
mod network;

use super::Objective;
use super::batch::{Batch, Drawn};
use crate::error::{Error, Result};
use crate::network::{Network, Optimiser, Rule};
use burn::tensor::{Device, DeviceKind, Tensor, TensorData};
use losses::Targets;
use network::Shape;
use std::sync::OnceLock;

/// Steps after which losses are read back: how far the card may lag behind.
const TELL: u32 = 32;

/// The graphics card that the system prefers.
///
/// # Errors
/// [`Error::Training`] if there is none.
pub(super) fn graphics_card() -> Result<Device> {
    // It can be opened only once per process.
    static OPENED: OnceLock<core::result::Result<Device, String>> = OnceLock::new();
    OPENED.get_or_init(|| open(DeviceKind::DefaultDevice)).clone().map_err(Error::Training)
}

fn open(kind: DeviceKind) -> core::result::Result<Device, String> {
    let opened = Device::wgpu_options().device_kind(kind).init();
    opened.map_err(|error| format!("no graphics card that can compute: {error}"))
}

/// A training on the card.
pub(super) struct Gpu {
    device: Device,
    objective: Objective,
    shape: Shape,
    rule: Rule,
    /// Steps taken by the optimisers.
    steps: u64,
    /// 2 sides × all parameters, laid out as in [`parameters`](crate::network::Network::parameters).
    parameters: Tensor<2>,
    /// The optimisers' state, of the same shape.
    first: Tensor<2>,
    /// See [`first`](Self::first); empty if the rule needs no second.
    second: Tensor<2>,
    /// Sum of the losses not yet reported, and the number of steps.
    loss: (Tensor<1>, u32),
}

impl Gpu {
    /// Continues from the networks of both sides, of equal layers, and their optimisers.
    ///
    /// # Panics
    /// If there are not two optimisers.
    pub(crate) fn new(device: Device, objective: Objective, networks: [&Network; 2], optimisers: &[Optimiser]) -> Self {
        let upload = |midi: &[f32], audio: &[f32]| {
            let shape = [2, midi.len()];
            Tensor::from_data(TensorData::new([midi, audio].concat(), shape), &device)
        };
        let [midi, audio] = networks.map(Network::parameters);
        let [(steps, first, second), (_, audio_first, audio_second)] =
            [0, 1].map(|side: usize| optimisers[side].memory());
        Self {
            objective,
            shape: Shape::of(networks[0]),
            rule: optimisers[0].rule(),
            steps,
            parameters: upload(midi, audio),
            first: upload(first, audio_first),
            second: upload(second, audio_second),
            loss: (Tensor::zeros([1], &device), 0),
            device,
        }
    }

    /// Takes a step; returns the losses not yet reported, or 0 if they are left for later.
    pub(crate) fn step(&mut self, drawn: Drawn, rate: f32) -> f64 {
        let (loss, gradient) = self.gradient(drawn);
        self.update(gradient, rate);
        self.loss = (self.loss.0.clone() + loss, self.loss.1 + 1);
        if self.loss.1 < TELL { 0.0 } else { self.tell() }
    }

    /// Loss of a batch and its gradient at the parameters.
    fn gradient(&self, (batch, mut rng): Drawn) -> (Tensor<1>, Tensor<2>) {
        let Batch { midi, audio, groups } = batch;
        let targets = Targets::draw(self.objective, &groups, &mut rng);
        let (crops, (frames, bins)) = (midi.len(), midi[0].dim());
        let mut values: Vec<f32> = Vec::with_capacity(2 * crops * frames * bins);
        midi.iter().chain(&audio).for_each(|crop| values.extend(crop));
        let input = Tensor::from_data(TensorData::new(values, [2, crops, frames, bins]), &self.device).autodiff();
        let parts = self.shape.parts(&self.parameters);
        let outputs = self.shape.forward(&parts, input);
        let loss = targets.loss(outputs, &self.device);
        let mut gradients = loss.backward();
        let each = parts.iter().map(|part| {
            let [_, rows, columns] = part.dims();
            let gradient = part.grad_remove(&mut gradients).expect("all parameters take part");
            gradient.reshape([2, rows * columns])
        });
        let gradient = Tensor::cat(each.collect(), 1);
        (loss.without_autodiff(), gradient)
    }

    /// Like [`Optimiser::step`].
    fn update(&mut self, gradient: Tensor<2>, rate: f32) {
        self.steps += 1;
        let first = self.first.clone();
        let change = match self.rule {
            Rule::RmsProp { rho } => {
                self.first = first * rho + gradient.clone() * gradient.clone() * (1.0 - rho);
                gradient * rate / (self.first.clone() + 1e-6).sqrt()
            }
            Rule::Adam { beta1, beta2 } => {
                let steps = self.steps.min(1 << 30) as i32;
                let root = (1.0 - beta2.powi(steps)).sqrt();
                let (rate, epsilon) = (rate * root / (1.0 - beta1.powi(steps)), 1e-8 * root);
                self.second = self.second.clone() * beta2 + gradient.clone() * gradient.clone() * (1.0 - beta2);
                self.first = first * beta1 + gradient * (1.0 - beta1);
                self.first.clone() * rate / (self.second.clone().sqrt() + epsilon)
            }
            Rule::Nesterov { momentum } => {
                self.first = first * momentum - gradient.clone() * rate;
                gradient * rate - self.first.clone() * momentum
            }
        };
        self.parameters = self.parameters.clone() - change;
    }

    fn tell(&mut self) -> f64 {
        let zero = Tensor::zeros([1], &self.device);
        let (sum, _) = std::mem::replace(&mut self.loss, (zero, 0));
        // An unreadable value becomes NaN, which ends the training.
        sum.try_into_scalar::<f32>().map_or(f64::NAN, f64::from)
    }

    /// Updates the optimisers to the current state; returns the parameters of both sides and the losses not yet
    /// reported. `None` if the card can't be read.
    pub(crate) fn settle(&mut self, optimisers: &mut [Optimiser]) -> Option<([Vec<f32>; 2], f64)> {
        let [_, count] = self.parameters.dims();
        let halves = |tensor: &Tensor<2>| -> Option<[Vec<f32>; 2]> {
            let mut midi = tensor.try_to_vec_as::<f32>().ok()?;
            let audio = midi.split_off(midi.len() / 2);
            Some([midi, audio])
        };
        let (parameters, first, second) = (halves(&self.parameters)?, halves(&self.first)?, halves(&self.second)?);
        for ((optimiser, first), second) in optimisers.iter_mut().zip(first).zip(second) {
            *optimiser = optimiser.clone().resumed(self.steps, first, second)?;
        }
        parameters.iter().all(|side| side.len() == count).then(|| (parameters, self.tell()))
    }
}

#[cfg(test)]
mod tests;
