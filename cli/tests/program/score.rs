//! `ocelli score`.

use crate::process::{COLOUR, ocelli, picture};

#[test]
fn json_keeps_the_order_and_adds_up() {
    let red = picture("red_triangle.png");
    let result =
        ocelli(&["score", "-i", &red, "-p", COLOUR, "-c", " blue", "-c", " red", "-c", "", "--json", "-q"]).json();
    let prompt = result["prompt_ids"].as_array().unwrap();
    assert!(prompt.len() > 5 && prompt.iter().all(serde_json::Value::is_u64), "{result}");
    let texts: Vec<_> = result["continuations"].as_array().unwrap().iter().collect();
    assert_eq!(texts.iter().map(|t| t["text"].as_str().unwrap()).collect::<Vec<_>>(), [" blue", " red", ""]);
    for text in &texts {
        let logprobs: Vec<f64> = text["logprobs"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
        assert_eq!(logprobs.len(), text["ids"].as_array().unwrap().len());
        assert!(logprobs.iter().all(|&p| p <= 0.0));
        assert!((logprobs.iter().sum::<f64>() - text["sum"].as_f64().unwrap()).abs() < 1e-6, "{text}");
    }
    assert!(texts[1]["sum"].as_f64() > texts[0]["sum"].as_f64(), "{result}");
}

#[test]
fn the_table_is_sorted() {
    let red = picture("red_triangle.png");
    let table = ocelli(&["score", "-i", &red, "-p", COLOUR, "-c", " blue", "-c", " red"]).ok();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(lines[0].contains("sum") && lines[1].ends_with("\" red\"") && lines[2].ends_with("\" blue\""), "{table}");
}

#[test]
fn scoring_agrees_with_generation() {
    let red = picture("red_triangle.png");
    let answer = ocelli(&["run", "-q", "--json", "-i", &red, "-p", COLOUR]).json();
    // Continuations are taken as they are, blank and all, which the text of an answer is without.
    let text = format!(" {}", answer["text"].as_str().unwrap());
    let score = ocelli(&["score", "--json", "-i", &red, "-p", COLOUR, "-c", &text]).json();
    let ids = answer["ids"].as_array().unwrap();
    assert_eq!(score["continuations"][0]["ids"].as_array().unwrap()[..], ids[..ids.len() - 1]);
}

#[test]
fn errors_leave_standard_output_empty() {
    let blue = picture("blue_circle.png");
    ocelli(&["score", "-i", &blue, "-p", "<image><image>", "-c", "x", "--json"]).failed(2, "image-count");
    ocelli(&["score", "-p", "x", "-c", "x", "--context", "1", "--json"]).failed(1, "context-full");
}
