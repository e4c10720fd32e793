//! What Assent writes itself, in a practice's own words.

use reqwest::Method;
use serde_json::{Value, json};

use super::world::{Answer, JANE, NUMBER, RIVERSIDE, World};

const INVITATION: &str = "Hola from {practice}! Reply YES to receive messages from your practice. Msg frequency varies, \
                          msg & data rates may apply. HELP for help, STOP to end.";

async fn put(world: &World, texts: Value) -> Answer {
    let practice = json!({
        "name": "Riverside PT", "number": NUMBER, "time_zone": "America/Denver", "contact": "303-555-0199",
        "texts": texts,
    });
    world.operator(Method::PUT, RIVERSIDE).json(&practice).send().await
}

async fn practice(world: &World) -> Value {
    world.call(Method::GET, RIVERSIDE).token(&world.token).send().await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_words_what_its_patients_get() {
    let world = World::start().await;
    let texts = json!({"invitation": {"en": INVITATION}, "help": {"es": "{practice}: {contact}, o ALTO."}});
    assert_eq!(put(&world, texts.clone()).await.expect(200)["texts"], texts);

    world.draft("jane", "see you at 3").await.expect(202);
    world.receive(JANE, "ayuda").await;
    let thread = world.get("/patients/jane/messages").await;
    let texts: Vec<&str> =
        thread["messages"].as_array().unwrap().iter().map(|one| one["text"].as_str().unwrap()).collect();
    assert!(texts.contains(&INVITATION.replace("{practice}", "Riverside PT").as_str()), "{texts:?}");
    assert!(texts.contains(&"Riverside PT: 303-555-0199, o ALTO."), "{texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_sees_every_text_as_its_patients_get_it() {
    let world = World::start().await;
    put(&world, json!({"after_hours": {"en": "{practice} is closed."}})).await.expect(200);
    let practice = practice(&world).await;
    let in_force = practice["texts_in_force"].as_object().unwrap();
    let names: Vec<&str> = in_force.keys().map(String::as_str).collect();
    assert_eq!(names, ["after_hours", "help", "invitation", "opt_out_confirmation", "start_confirmation"]);
    assert_eq!(in_force["after_hours"]["en"], json!({"text": "Riverside PT is closed.", "segments": 1}));
    assert_eq!(in_force["invitation"]["es"]["segments"], 2);
    assert_eq!(practice["texts"], json!({"after_hours": {"en": "{practice} is closed."}}));
    // A PUT says everything: what it leaves out is as by default again.
    assert_eq!(put(&world, json!({})).await.expect(200)["texts"], json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_lacks_something_is_refused_and_says_what() {
    let world = World::start().await;
    let texts = json!({
        "invitation": {"en": INVITATION.replace("STOP", "QUIT"), "fr": "Bonjour"},
        "help": {"en": "{practice}: {contact}, hello {first_name}. STOP"},
        "opt_out_confirmation": "goodbye",
        "welcome": {},
    });
    let problem = put(&world, texts).await.problem(422, "invalid");
    let errors: Vec<(&str, &str)> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["field"].as_str().unwrap(), error["detail"].as_str().unwrap()))
        .collect();
    let fields: Vec<&str> = errors.iter().map(|(field, _)| *field).collect();
    assert_eq!(
        fields,
        ["texts.invitation.en", "texts.invitation.fr", "texts.opt_out_confirmation", "texts.help.en", "texts.welcome"]
    );
    assert_eq!(errors[0].1, "must have the word STOP in capitals");
    assert!(errors[3].1.contains("{practice} and {contact} only"), "{errors:?}");

    let long = json!({"start_confirmation": {"en": format!("{{practice}}: HELP, STOP {}", "and so on ".repeat(50))}});
    let problem = put(&world, long).await.problem(422, "invalid");
    let error = json!([{"field": "texts.start_confirmation.en", "detail": "would take 4 segments, and 3 is the most"}]);
    assert_eq!(problem["errors"], error);
    assert_eq!(practice(&world).await["texts"], json!({}), "nothing was changed");
}
