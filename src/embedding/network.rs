//! [`AttentionNetwork`]: layers over the frames, attention over their steps, layers over the result.

use super::attention::{Attention, Pooled, Pooling};
use crate::error::{Error, Result};
use crate::network::{Layer, MOST_PARAMETERS, Network, Trace};
use ndarray::{ArrayView2, Axis};

/// The network of one side.
#[derive(Debug, Clone)]
pub(crate) struct AttentionNetwork {
    pub front: Network,
    pub pooling: Pooling,
    pub head: Network,
}

/// The values of a sequence in each part of a network.
#[derive(Debug)]
pub(crate) struct EmbeddingTrace {
    front: Trace,
    pub(super) pooled: Pooled,
    head: Trace,
}

impl EmbeddingTrace {
    /// The output, (1 × 128), before it is scaled to unit length.
    pub(crate) fn output(&self) -> ArrayView2<'_, f32> {
        self.head.outputs()[0]
    }
}

impl AttentionNetwork {
    /// An untrained network for frames of `bins` bins.
    pub(crate) fn new(bins: usize, front: &[Layer], attention: Attention, head: &[Layer], seed: u64) -> Result<Self> {
        let front = Network::new(bins, front, seed)?;
        let size = attention.size(front.outputs());
        if size > MOST_PARAMETERS {
            let limit = format!("0 ..= {MOST_PARAMETERS}");
            return Err(Error::Limit { what: "number of parameters", value: size.to_string(), limit });
        }
        let pooling = Pooling::new(attention, front.outputs(), seed ^ 0xA77);
        let head = Network::new(front.outputs(), head, seed ^ 0x4EAD)?;
        Ok(Self { front, pooling, head })
    }

    pub(crate) fn trace(&self, input: ArrayView2<f32>) -> EmbeddingTrace {
        let front = self.front.trace(&[input]);
        let pooled = self.pooling.forward(front.outputs()[0]);
        let head = self.head.trace(&[pooled.mean.view().insert_axis(Axis(0))]);
        EmbeddingTrace { front, pooled, head }
    }

    /// The three groups of parameters: front, attention, head.
    pub(crate) fn parameters(&self) -> [&[f32]; 3] {
        [self.front.parameters(), &self.pooling.parameters, self.head.parameters()]
    }

    /// See [`parameters`](Self::parameters).
    pub(crate) fn parameters_mut(&mut self) -> [&mut [f32]; 3] {
        [self.front.parameters_mut(), &mut self.pooling.parameters, self.head.parameters_mut()]
    }

    /// Adds the gradient of the parameters, group by group, given that of the output.
    pub(crate) fn gradient(&self, trace: &EmbeddingTrace, d_output: ArrayView2<f32>, sums: &mut [Vec<f32>; 3]) {
        let [front, pooling, head] = sums;
        let d_mean = self.head.backward(&trace.head, &[d_output], head, true);
        let steps = trace.front.outputs()[0];
        let d_steps = self.pooling.backward(steps, &trace.pooled, d_mean.row(0), pooling);
        self.front.backward(&trace.front, &[d_steps.view()], front, false);
    }
}
