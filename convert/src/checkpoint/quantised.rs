//! Checkpoints that are quantised already, known by the tensors that their makers store beside or instead of a weight.
//!
//! None of these is read: what they hold needs each maker's own arithmetic. Without this they would be refused as unknown
//! tensors or missing ones, which says nothing about why.

use super::{Dtype, Tensor};
use crate::error::ConvertError;

/// Ends of names that a form of quantisation has and plain checkpoints have not, the surest first.
const ENDS: [(&str, &str); 20] = [
    (".quant_state.bitsandbytes__nf4", "bitsandbytes, nf4"),
    (".quant_state.bitsandbytes__fp4", "bitsandbytes, fp4"),
    (".weight.absmax", "bitsandbytes, 4 bits"),
    (".weight.quant_map", "bitsandbytes, 4 bits"),
    (".SCB", "bitsandbytes, int8"),
    (".weight_format", "bitsandbytes, int8"),
    (".g_idx", "GPTQ"),
    (".qweight", "GPTQ or AWQ"),
    (".qzeros", "GPTQ or AWQ"),
    (".weight_packed", "compressed-tensors"),
    (".weight_zero_point", "compressed-tensors"),
    (".codebooks", "AQLM"),
    (".W_q", "HQQ"),
    (".weight._data", "quanto"),
    ("_blocks", "mxfp4"),
    (".weight_scale_inv", "fp8"),
    (".weight_scale", "scaled weights"),
    (".qscale", "scaled weights"),
    (".biases", "MLX"),
    (".scales", "MLX"),
];

/// Refuses tensors that are needed or not known where any of them, or the type of a weight, shows a quantisation.
pub(crate) fn check<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> Result<(), ConvertError> {
    let tensors: Vec<&Tensor> = tensors.collect();
    let refuse = |tensor: &Tensor, form| {
        let (tensor, dtype) = (tensor.name.clone(), tensor.dtype.name);
        Err(ConvertError::Quantised { tensor, dtype, form })
    };
    // A weight of eight bits and less says it by itself; its scales only name the maker.
    let eight = |tensor: &&&Tensor| tensor.dtype.name.starts_with("F8") && !tensor.name.contains("scale");
    if let Some(tensor) = tensors.iter().find(eight) {
        return refuse(tensor, "fp8");
    }
    for (end, form) in ENDS {
        if let Some(tensor) = tensors.iter().find(|tensor| tensor.name.ends_with(end)) {
            return refuse(tensor, form);
        }
    }
    let weight = |tensor: &&&Tensor| tensor.name.ends_with("weight") && !Dtype::READ.contains(&tensor.dtype);
    match tensors.iter().find(weight) {
        Some(tensor) if tensor.dtype.name == "I8" => refuse(tensor, "int8"),
        Some(tensor) if tensor.dtype.name.starts_with('F') => refuse(tensor, "less than eight bits"),
        _ => Ok(()),
    }
}
