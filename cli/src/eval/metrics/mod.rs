//! Published measures of answers. Each is held against the code that published it: tests/parity/metrics.py.

pub mod caption;
pub mod vqa;
pub mod words;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Golden {
        vqa: Vec<(String, Vec<String>, f64)>,
        normalised: Vec<(String, String)>,
        captions: Vec<(String, Vec<String>, f64, f64)>,
        bleu: [f64; 4],
        tokens: Vec<(String, String)>,
    }

    fn golden() -> Golden {
        // A larger one that the script has made: metrics.py --many 10000 FILE.
        let path = std::env::var("OCELLI_METRICS_GOLDEN")
            .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/metrics.json").to_owned());
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn answers_are_worth_what_vqas_code_says() {
        let golden = golden();
        for (text, wanted) in &golden.normalised {
            assert_eq!(&vqa::normalised(text), wanted, "{text:?}");
        }
        for (answer, people, wanted) in &golden.vqa {
            let got = vqa::accuracy(answer, people);
            assert!((got - wanted).abs() < 1e-9, "{answer:?} {people:?}: {got} {wanted}");
        }
        assert!(golden.normalised.len() > 200 && golden.vqa.len() >= 200);
    }

    #[test]
    fn captions_are_worth_what_cocos_code_says() {
        let golden = golden();
        let all: Vec<_> = golden
            .captions
            .iter()
            .map(|(said, people, ..)| caption::Captioned { said: said.clone(), people: people.clone() })
            .collect();
        for (got, wanted) in caption::bleu(&all).iter().zip(golden.bleu) {
            assert!((got - wanted).abs() < 1e-9, "{got} {wanted}");
        }
        let ciders = caption::cider_d(&all);
        for ((one, cider), (_, _, rouge, wanted)) in all.iter().zip(ciders).zip(&golden.captions) {
            assert!((caption::rouge_l(one) - rouge).abs() < 1e-9, "{:?}", one.said);
            assert!((cider - wanted).abs() < 1e-9, "{:?}: {cider} {wanted}", one.said);
        }
    }

    #[test]
    fn words_are_the_tokenizers() {
        for (text, wanted) in golden().tokens {
            assert_eq!(words::words(&text), wanted, "{text:?}");
        }
    }
}
