//! [`Learner`]: takes the steps of a training.

use super::Objective;
use super::batch::{Batch, Drawn};
#[cfg(feature = "gpu")]
use super::gpu::Gpu;
use super::task::{Learnable, Task};
use crate::encoder::Side;
#[cfg(feature = "gpu")]
use crate::error::Error;
use crate::error::Result;
use crate::network::Optimiser;

/// The processor that a training runs on. It does not decide what is learned: an interrupted training can resume on
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Processor {
    /// The CPU cores of this machine; the same numbers each time.
    #[default]
    Cpu,
    /// The graphics card that the system prefers: Vulkan, Metal or `DirectX` 12. Sums are added in a different order
    /// than on the CPU, so numbers differ in their last digits, and more with each step.
    #[cfg(feature = "gpu")]
    Gpu,
    /// The card's code on the CPU, for tests.
    #[cfg(all(test, feature = "gpu"))]
    Flex,
}

/// Takes steps, and holds what they change if that is not the model itself.
pub(super) enum Learner {
    Cpu,
    #[cfg(feature = "gpu")]
    Gpu(Box<Gpu>),
}

impl Learner {
    /// Continues from a model and its optimisers.
    ///
    /// # Errors
    /// [`Error::Training`](crate::Error::Training) if there is no such processor, or if it has kernels only for layers
    /// and the networks consist of more.
    #[cfg_attr(not(feature = "gpu"), expect(clippy::unnecessary_wraps, reason = "there may be no card"))]
    pub(crate) fn new<T: Task>(
        processor: Processor,
        objective: Objective,
        model: &T::Model,
        optimisers: &[Optimiser],
    ) -> Result<Self> {
        #[cfg(not(feature = "gpu"))]
        let _ = (objective, model, optimisers);
        #[cfg(feature = "gpu")]
        let gpu = |device| {
            let [Some(midi), Some(audio)] = Side::BOTH.map(|side| T::branch(model, side).network.layers()) else {
                return Err(Error::Training("networks with attention are learned on the cores only".into()));
            };
            Ok(Self::Gpu(Box::new(Gpu::new(device, objective, [midi, audio], optimisers))))
        };
        match processor {
            Processor::Cpu => Ok(Self::Cpu),
            #[cfg(feature = "gpu")]
            Processor::Gpu => gpu(super::gpu::graphics_card()?),
            #[cfg(all(test, feature = "gpu"))]
            Processor::Flex => gpu(burn::tensor::Device::flex()),
        }
    }

    /// Number of batches to make ahead.
    pub(crate) fn ahead(&self) -> usize {
        match self {
            // Its threads are busy with the step.
            Self::Cpu => 0,
            #[cfg(feature = "gpu")]
            Self::Gpu(_) => (2 * rayon::current_num_threads()).min(32),
        }
    }

    /// Takes a step; returns the sum of the losses of this and earlier steps not yet reported, 0 if none is known.
    pub(crate) fn step<T: Task>(
        &mut self,
        model: &mut T::Model,
        optimisers: &mut [Optimiser],
        objective: Objective,
        drawn: Drawn,
        rate: f32,
    ) -> f64 {
        match self {
            Self::Cpu => step::<T>(model, optimisers, objective, drawn, rate),
            #[cfg(feature = "gpu")]
            Self::Gpu(gpu) => gpu.step(drawn, rate),
        }
    }

    /// Updates the model and the optimisers to the current state; returns the losses not yet reported.
    pub(crate) fn settle<T: Task>(&mut self, model: &mut T::Model, optimisers: &mut [Optimiser]) -> f64 {
        match self {
            Self::Cpu => {
                let _ = (model, optimisers);
                0.0
            }
            #[cfg(feature = "gpu")]
            Self::Gpu(gpu) => {
                let Some((parameters, loss)) = gpu.settle(optimisers) else {
                    return f64::NAN;
                };
                for (side, parameters) in Side::BOTH.into_iter().zip(parameters) {
                    // It accepted only layers: one group, of this size.
                    let network = &mut T::branch_mut(model, side).network;
                    network.groups_mut().into_iter().for_each(|group| group.copy_from_slice(&parameters));
                }
                loss
            }
        }
    }
}

fn step<T: Task>(
    model: &mut T::Model,
    optimisers: &mut [Optimiser],
    objective: Objective,
    (batch, mut rng): Drawn,
    rate: f32,
) -> f64 {
    let Batch { midi, audio, groups } = batch;
    let [f, g] = Side::BOTH.map(|side| &T::branch(model, side).network);
    let (f_traces, g_traces) = rayon::join(|| f.traces(&midi), || g.traces(&audio));
    let outputs = [&f_traces, &g_traces].map(|traces| T::Network::outputs_of(traces));
    let loss = objective.loss(&outputs[0], &outputs[1], &groups, &mut rng);
    if !loss.value.is_finite() {
        return loss.value;
    }
    let (d_f, d_g) = rayon::join(|| f.gradients(&f_traces, &loss.d_midi), || g.gradients(&g_traces, &loss.d_audio));
    let mut optimisers = optimisers.iter_mut();
    for (side, gradients) in Side::BOTH.into_iter().zip([d_f, d_g]) {
        let parameters = T::branch_mut(model, side).network.groups_mut();
        for ((parameters, gradient), optimiser) in parameters.into_iter().zip(&gradients).zip(&mut optimisers) {
            optimiser.step(parameters, gradient, rate);
        }
    }
    loss.value
}
