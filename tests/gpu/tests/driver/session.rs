//! What a case does: weights are uploaded and repacked, and a product with them is recorded and run twice.

use cuda::card::{Parameters, text};
use ocelli_engine::kernels::cuda::CudaError;
use ocelli_engine::kernels::cuda::context::{Block, Context, Graph, Module, Pinned, Stream};
use ocelli_engine::kernels::cuda::driver::Driver;
use ocelli_engine::kernels::cuda::upload::Upload;
use ocelli_quant::TensorType;
use std::sync::Arc;

const ROWS: usize = 20;
const BLOCKS: usize = 3;
const WIDTH: usize = BLOCKS * 32;

/// Weights between -1 and 1 in q4_0: the file's bytes, and what they are worth.
fn weights() -> (Vec<u8>, Vec<f32>) {
    let values: Vec<f32> = (0..ROWS * WIDTH).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
    let ty = TensorType::Q4_0;
    let mut file = vec![0; ty.row_bytes(WIDTH).unwrap() * ROWS];
    ty.encode(&values, &mut file).unwrap();
    let mut worth = vec![0.0; values.len()];
    ty.decode(&file, &mut worth).unwrap();
    (file, worth)
}

fn input(step: usize) -> Vec<f32> {
    (0..WIDTH).map(|i| ((i * 13 + step * 7) % 29) as f32 / 29.0 - 0.5).collect()
}

fn bytes(x: &[f32]) -> Vec<u8> {
    x.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// A model of one matrix on a device. Fields are dropped in this order.
struct Model {
    graph: Option<Graph>,
    stream: Stream,
    modules: [Module; 3],
    blocks: Vec<Block>,
    given: Pinned,
    got: Pinned,
    context: Arc<Context>,
}

impl Model {
    fn open() -> Result<Self, CudaError> {
        let (driver, _) = Driver::load()?;
        let context = Context::open(&Arc::new(driver), 0)?;
        assert!(context.memory()?.1 > 0);
        let (file, _) = weights();
        let count = ROWS * BLOCKS;
        let sizes = [file.len(), count * 16, count * 2, WIDTH * 4, WIDTH, BLOCKS * 8, ROWS * 4];
        let blocks = sizes.into_iter().map(|n| context.allocate(n)).collect::<Result<Vec<_>, _>>()?;
        let load = |name: &str| context.module(&text(name, 75).unwrap());
        let modules = [load("repack_q4_0")?, load("norm")?, load("mv_q4_0")?];
        let model = Self {
            graph: None,
            stream: context.stream()?,
            modules,
            given: context.pinned(WIDTH * 4)?,
            got: context.pinned(ROWS * 4)?,
            blocks,
            context,
        };
        let mut upload = Upload::new(&model.context, 256)?;
        let mut left = file.len();
        // SAFETY: the block is as long as the file and is there.
        unsafe { upload.put(model.at(0), &file, |bytes| left -= bytes)? };
        assert_eq!(left, 0);
        let p = Parameters::new().address(model.at(0)).address(model.at(1)).address(0).address(model.at(2)).address(0);
        let p = p.numbers(&[ROWS as u32, BLOCKS as u32]).bytes();
        // SAFETY: the parameters are the kernel's, and the blocks are there.
        unsafe { upload.stream().launch(model.modules[0].kernel("repack")?, [1, 1, 1], 128, &p)? };
        upload.finish()?;
        Ok(model)
    }

    fn at(&self, block: usize) -> u64 {
        self.blocks[block].address(0)
    }

    /// What a step puts into the stream.
    fn step(&self) -> Result<(), CudaError> {
        let (x, quants, meta, out) = (self.at(3), self.at(4), self.at(5), self.at(6));
        let quantise = Parameters::new().address(x).address(0).address(0).address(0).address(quants).address(meta);
        let quantise = quantise.numbers(&[WIDTH as u32, 0, 0]).float(0.0).bytes();
        let multiply = Parameters::new().address(self.at(1)).address(0).address(self.at(2)).address(0);
        let multiply = multiply.address(quants).address(meta).address(0).address(out);
        let multiply = multiply.numbers(&[ROWS as u32, BLOCKS as u32, ROWS as u32, 0, 0]).float(1.0).bytes();
        // SAFETY: the parameters are the kernels', and all blocks and pinned buffers are the model's.
        unsafe {
            self.stream.upload(x, &self.given, 0, WIDTH * 4)?;
            self.stream.launch(self.modules[1].kernel("norm_rows")?, [1, 1, 1], 256, &quantise)?;
            self.stream.launch(self.modules[2].kernel("mv1")?, [2, 1, 1], 128, &multiply)
        }
    }

    /// Runs the recorded step on an input, `between` being called before it is waited for.
    fn run(&mut self, x: &[f32], between: impl FnOnce(&mut Pinned)) -> Result<Vec<f32>, CudaError> {
        self.given.bytes_mut().copy_from_slice(&bytes(x));
        if self.graph.is_none() {
            self.graph = Some(self.stream.capture(|| self.step())?);
        }
        let from = self.at(6);
        if let Some(graph) = &self.graph {
            // SAFETY: what the step names is the model's.
            unsafe { self.stream.run(graph)? };
        }
        // SAFETY: both are the model's.
        unsafe { self.stream.download(&mut self.got, from, ROWS * 4)? };
        between(&mut self.given);
        self.stream.wait()?;
        Ok(self.got.bytes().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }
}

fn is_right(got: &[f32], x: &[f32]) -> bool {
    let (_, weights) = weights();
    let want = weights.chunks_exact(WIDTH).map(|w| w.iter().zip(x).map(|(w, x)| w * x).sum::<f32>());
    // The input is rounded to 127 steps.
    got.iter().zip(want).all(|(got, want)| (got - want).abs() < 0.05)
}

fn two_steps() -> Result<bool, CudaError> {
    let mut model = Model::open()?;
    let mut right = true;
    for step in 0..2 {
        let x = input(step);
        right &= is_right(&model.run(&x, |_| ())?, &x);
    }
    Ok(right)
}

fn word(right: bool) -> String {
    if right { "right" } else { "wrong" }.to_owned()
}

/// Two steps, right or wrong or an error.
pub fn answer() -> String {
    two_steps().map_or_else(|error| error.to_string(), word)
}

/// A step whose input is changed before it was waited for.
pub fn reused() -> String {
    let mut model = Model::open().unwrap();
    let x = input(0);
    word(is_right(&model.run(&x, |given| given.bytes_mut().fill(0)).unwrap(), &x))
}

/// Waiting for a stream that is being recorded.
pub fn spoilt() -> String {
    let model = Model::open().unwrap();
    let error = model.stream.capture(|| model.stream.wait()).err();
    // The stream is usable again.
    model.step().unwrap();
    model.stream.wait().unwrap();
    format!("{error:?}")
}

/// A kernel that reads where nothing is.
pub fn broken() -> String {
    let mut model = Model::open().unwrap();
    model.blocks[3] = model.context.allocate(4).unwrap();
    let error = model.run(&input(0), |_| ()).unwrap_err();
    let after = model.context.allocate(4).err().unwrap();
    format!("{error:?}, after it {after:?}, lost: {}", error.is_lost() && after.is_lost())
}
