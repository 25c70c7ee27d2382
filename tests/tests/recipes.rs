//! What `convert` writes with a recipe is what `quantize` makes of the same checkpoint converted exactly: every family,
//! every mix, types by pattern and importances.

#![allow(clippy::unwrap_used)]

use ocelli_convert::imatrix::{Columns, Imatrix};
use ocelli_convert::quantize::{Mix, Pattern, Recipe, quantize};
use ocelli_convert::{Options, convert};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, TensorInfo};
use ocelli_tests::golden::Golden;
use ocelli_tests::mixed_golden::MixedGolden;
use ocelli_tests::text_golden::{TEXT, TextGolden};
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn parse(path: &Path) -> Gguf {
    Gguf::parse(Arc::new(fs::read(path).unwrap())).unwrap()
}

/// Converts the checkpoint both ways. Patch embeddings are f16 beside any type but f32: of these the exact file's numbers
/// are rounded here.
fn compare(folder: &Path, recipes: &[Recipe]) {
    let at = |name: &str| folder.join(name);
    convert(folder, &at("exact.gguf"), &Options::new(TensorType::F32), &()).unwrap();
    let exact = parse(&at("exact.gguf"));
    for recipe in recipes {
        let report = convert(folder, &at("direct.gguf"), &Options::from(recipe.clone()), &()).unwrap();
        let two = quantize(&exact, &[at("exact.gguf")], &at("two.gguf"), recipe, &()).unwrap();
        let what = format!("{}: {}", folder.display(), recipe.mix);
        assert_eq!((&report.fallbacks, &report.unweighted), (&two.fallbacks, &two.unweighted), "{what}");
        let [direct, two] = ["direct.gguf", "two.gguf"].map(|name| parse(&at(name)));
        let keys = |file: &Gguf| file.keys().map(|(key, value)| format!("{key} {value:?}")).collect::<Vec<_>>();
        assert_eq!(keys(&direct), keys(&two), "{what}");
        let mut patches = 0;
        for (a, b) in direct.tensors().iter().zip(two.tensors()) {
            assert_eq!((&a.name, &a.shape), (&b.name, &b.shape), "{what}");
            if (a.ty, b.ty) == (TensorType::F16, TensorType::F32) {
                patches += 1;
                assert!(a.name.contains("patch_embd") || a.name.contains("stem"), "{what}: {}", a.name);
                let mut rounded = vec![0; usize::try_from(a.bytes).unwrap()];
                TensorType::F16.encode(&floats(&two, b), &mut rounded).unwrap();
                assert!(direct.data(a) == rounded, "{what}: {}", a.name);
            } else {
                assert_eq!(a.ty, b.ty, "{what}: {}", a.name);
                assert!(direct.data(a) == two.data(b), "{what}: {}", a.name);
            }
        }
        assert_eq!(direct.tensors().len(), two.tensors().len(), "{what}");
        if patches == 0 {
            assert!(fs::read(at("direct.gguf")).unwrap() == fs::read(at("two.gguf")).unwrap(), "{what}");
        }
    }
}

fn floats(file: &Gguf, tensor: &TensorInfo) -> Vec<f32> {
    let mut floats = vec![0.0; usize::try_from(tensor.elements()).unwrap()];
    tensor.ty.decode(file.data(tensor), &mut floats).unwrap();
    floats
}

/// Importances of every matrix but the first.
fn measured(folder: &Path) -> Imatrix {
    let path = folder.join("exact.gguf");
    convert(folder, &path, &Options::new(TensorType::F32), &()).unwrap();
    let file = parse(&path);
    let matrices = file.tensors().iter().filter(|tensor| tensor.shape.len() == 2).skip(1);
    let entry = |tensor: &TensorInfo| {
        let sums = (0..tensor.shape[0]).map(|column| (column * 7 % 11) as f32 + 0.5).collect();
        (tensor.name.clone(), Columns { sums, count: 1 })
    };
    Imatrix { entries: matrices.map(entry).collect(), datasets: vec!["text.txt".into()], chunks: 3, chunk_size: 16 }
}

fn recipes(folder: &Path) -> Vec<Recipe> {
    let mut recipes: Vec<Recipe> = Mix::ALL.into_iter().map(Recipe::new).collect();
    let mut special = Recipe::new("q4_k_m".parse().unwrap());
    special.tensor_types = vec![(Pattern::new("*ffn_up.weight"), TensorType::Q8_0)];
    special.embedding = Some(TensorType::Q5_1);
    recipes.push(special.clone());
    special.pure = true;
    recipes.push(special);
    let mut weighted = Recipe::new("q4_0".parse().unwrap());
    weighted.imatrix = Some(("i.gguf".to_owned(), measured(folder)));
    recipes.push(weighted);
    recipes
}

#[test]
fn language_models() {
    let scratch = tempfile::tempdir().unwrap();
    for name in TEXT {
        let folder = scratch.path().join(name);
        TextGolden::load(name).unwrap().write(&folder).unwrap();
        compare(&folder, &recipes(&folder));
    }
}

#[test]
fn models_with_towers() {
    let scratch = tempfile::tempdir().unwrap();
    for (family, name) in
        [("frozen", "class"), ("frozen", "nf"), ("flamingo", "idefics"), ("flamingo", "idefics_every")]
    {
        let folder = scratch.path().join(name);
        MixedGolden::load(family, name).unwrap().write(&folder).unwrap();
        compare(&folder, &recipes(&folder));
    }
    let folder = scratch.path().join("blip2");
    Golden::load("default").unwrap().write(&folder).unwrap();
    compare(&folder, &recipes(&folder));
}

/// A type for a matrix that is not there is refused before anything is written.
#[test]
fn names_that_no_matrix_has() {
    let scratch = tempfile::tempdir().unwrap();
    let (folder, out) = (scratch.path().join("llama"), scratch.path().join("out.gguf"));
    TextGolden::load("llama").unwrap().write(&folder).unwrap();
    convert(&folder, &out, &Options::new(TensorType::F32), &()).unwrap();
    let (exact, none) = (parse(&out), scratch.path().join("none.gguf"));
    let mut patterns = Recipe::new("q8_0".parse().unwrap());
    patterns.tensor_types = vec![(Pattern::new("v.*"), TensorType::Q8_0)];
    // A vector's name is no matrix's.
    let mut vector = Recipe::new("q8_0".parse().unwrap());
    vector.tensor_types = vec![(Pattern::new("output_norm.weight"), TensorType::F16)];
    for (recipe, name) in [(patterns, "'v.*'"), (vector, "'output_norm.weight'")] {
        for error in [
            convert(&folder, &none, &Options::from(recipe.clone()), &()).unwrap_err(),
            quantize(&exact, &[&out], &none, &recipe, &()).unwrap_err(),
        ] {
            assert_eq!(error.code(), "no_matrix", "{error}");
            assert!(error.to_string().contains(name) && error.to_string().contains(".weight'"), "{error}");
        }
    }
    assert!(!none.exists());
}
