//! [`Learner`]: what takes the steps of a training.

use super::ahead::Drawn;
use super::batches::Batch;
use super::{Options, outputs};
use crate::error::Result;
use crate::hashing::{HashModel, Side};
use crate::network::Optimiser;

#[cfg(feature = "gpu")]
use super::gpu::Gpu;

/// What a training computes on. It does not decide what is learned: a training that was interrupted goes on on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Processor {
    /// The cores of this machine; the same numbers each time.
    #[default]
    Cpu,
    /// The graphics card that the system prefers: Vulkan, Metal or `DirectX` 12. Sums are taken in another order than on
    /// the cores, so numbers differ in their last digits, and more with each step.
    #[cfg(feature = "gpu")]
    Gpu,
    /// What runs on the card, on the cores: for tests.
    #[cfg(all(test, feature = "gpu"))]
    Flex,
}

/// Takes steps, and holds what they change where that is not the model itself.
pub(super) enum Learner {
    Cpu,
    #[cfg(feature = "gpu")]
    Gpu(Box<Gpu>),
}

impl Learner {
    /// Goes on from a model and its optimisers.
    #[cfg_attr(not(feature = "gpu"), expect(clippy::unnecessary_wraps, reason = "there may be no card"))]
    pub fn new(
        processor: Processor,
        options: &Options,
        model: &HashModel,
        optimisers: &[Optimiser; 2],
    ) -> Result<Self> {
        #[cfg(not(feature = "gpu"))]
        let _ = (options, model, optimisers);
        match processor {
            Processor::Cpu => Ok(Self::Cpu),
            #[cfg(feature = "gpu")]
            Processor::Gpu => {
                Ok(Self::Gpu(Box::new(Gpu::new(super::gpu::graphics_card()?, options.objective, model, optimisers))))
            }
            #[cfg(all(test, feature = "gpu"))]
            Processor::Flex => {
                Ok(Self::Gpu(Box::new(Gpu::new(burn::tensor::Device::flex(), options.objective, model, optimisers))))
            }
        }
    }

    /// Batches to be made ahead.
    pub fn ahead(&self) -> usize {
        match self {
            // Its threads are busy with the step.
            Self::Cpu => 0,
            #[cfg(feature = "gpu")]
            Self::Gpu(_) => (2 * rayon::current_num_threads()).min(32),
        }
    }

    /// Takes a step; the sum of the losses of this and earlier steps that were not told yet, 0 where none is known.
    pub fn step(
        &mut self,
        model: &mut HashModel,
        optimisers: &mut [Optimiser; 2],
        options: &Options,
        drawn: Drawn,
        rate: f32,
    ) -> f64 {
        match self {
            Self::Cpu => step(model, optimisers, options, drawn, rate),
            #[cfg(feature = "gpu")]
            Self::Gpu(gpu) => gpu.step(drawn, rate),
        }
    }

    /// Brings the model and the optimisers to where the training stands; the losses that were not told yet.
    pub fn settle(&mut self, model: &mut HashModel, optimisers: &mut [Optimiser; 2]) -> f64 {
        match self {
            Self::Cpu => {
                let _ = (model, optimisers);
                0.0
            }
            #[cfg(feature = "gpu")]
            Self::Gpu(gpu) => gpu.settle(model, optimisers),
        }
    }
}

fn step(
    model: &mut HashModel,
    optimisers: &mut [Optimiser; 2],
    options: &Options,
    (batch, mut rng): Drawn,
    rate: f32,
) -> f64 {
    let Batch { midi, audio, groups } = batch;
    let (f, g) = (model.network(Side::Midi), model.network(Side::Audio));
    let (f_traces, g_traces) = rayon::join(|| f.trace_batch(&midi), || g.trace_batch(&audio));
    let loss = options.objective.loss(&outputs(&f_traces), &outputs(&g_traces), &groups, &mut rng);
    if !loss.value.is_finite() {
        return loss.value;
    }
    let (d_f, d_g) =
        rayon::join(|| f.gradient_batch(&f_traces, &loss.d_midi), || g.gradient_batch(&g_traces, &loss.d_audio));
    for ((side, gradient), optimiser) in [(Side::Midi, d_f), (Side::Audio, d_g)].into_iter().zip(optimisers) {
        optimiser.step(model.branch_mut(side).network.parameters_mut(), &gradient, rate);
    }
    loss.value
}
