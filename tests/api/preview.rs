//! What staff are told of a text before they send it, and that it is so.

use reqwest::Method;
use serde_json::{Value, json};

use super::world::{RIVERSIDE, World};

async fn preview(world: &World, text: &str) -> Value {
    let path = format!("{RIVERSIDE}/preview");
    world.acting("tex", Method::POST, &path).json(&json!({"text": text})).send().await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_says_how_a_text_is_sent_and_so_it_is() {
    let world = World::start().await;
    let text = "It\u{2019}s at 3 \u{2013} don\u{2019}t be late";
    let shown = preview(&world, text).await;
    let expected = json!({
        "encoding": "gsm7", "segments": 1, "segments_max": 10, "text": "It's at 3 - don't be late",
        "replaced": [{"from": "\u{2019}", "to": "'"}, {"from": "\u{2013}", "to": "-"}],
    });
    assert_eq!(shown, expected);
    let message = world.draft("jane", text).await.expect(202);
    assert_eq!((&message["text"], &message["segments"]), (&shown["text"], &shown["segments"]));
    assert_eq!(preview(&world, message["text"].as_str().unwrap()).await["replaced"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_needs_ucs_2_is_previewed_and_sent_as_it_is() {
    let world = World::start().await;
    let text = "It\u{2019}s María 👍".repeat(6);
    let shown = preview(&world, &text).await;
    let expected = json!({"encoding": "ucs2", "segments": 2, "segments_max": 10, "text": text, "replaced": []});
    assert_eq!(shown, expected);
    assert_eq!(world.draft("jane", &text).await.expect(202)["text"], text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_too_long_is_previewed_and_not_sent() {
    let world = World::start().await;
    let text = "a".repeat(1_531);
    let shown = preview(&world, &text).await;
    assert_eq!((&shown["segments"], &shown["segments_max"]), (&json!(11), &json!(10)));
    world.draft("jane", &text).await.problem(422, "invalid");
    let path = format!("{RIVERSIDE}/preview");
    for bad in [json!({}), json!({"text": " "}), json!({"text": "a\u{0}"}), json!({"text": "a", "to": "b"})] {
        world.acting("tex", Method::POST, &path).json(&bad).send().await.problem(422, "invalid");
    }
}
