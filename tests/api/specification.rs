//! The description of the API: that it is the committed one, that its examples are taken, and that bodies are as it says.
//! What is answered is held against it in every test of the API.

use std::collections::BTreeSet;
use std::path::Path;

use assent::http::routes;
use reqwest::Method;
use serde_json::{Value, json};

use super::world::{JANE, RIVERSIDE, World};
use crate::specification::{check, document};

/// Set to write the files that are made of the code instead of comparing them.
const WRITE: &str = "ASSENT_WRITE_DOCS";

#[test]
fn what_is_committed_is_what_the_code_says() {
    for (file, made) in
        [("docs/openapi.json", assent::http::written()), ("docs/errors.md", assent::http::errors_in_markdown())]
    {
        if std::env::var_os(WRITE).is_some() {
            std::fs::create_dir_all(Path::new(file).parent().unwrap()).unwrap();
            std::fs::write(file, &made).unwrap();
        }
        let committed = std::fs::read_to_string(file).unwrap_or_default();
        assert!(
            committed == made,
            "{file} is not what the code says: {WRITE}=1 cargo test --locked --test api -- specification"
        );
    }
}

#[test]
fn every_schema_body_and_answer_has_an_example_that_fits() {
    for (name, schema) in document()["components"]["schemas"].as_object().unwrap() {
        let ends_in_digit = name.ends_with(|last: char| last.is_ascii_digit());
        assert!(!ends_in_digit, "{name}: two schemas have one name");
        let example = &schema["examples"][0];
        assert!(!example.is_null(), "{name} has no example, or a part of it has none: {schema:#}");
        check(name, schema, example);
    }
    for (place, operation) in operations() {
        let answers = operation["responses"].as_object().unwrap().values();
        for whole in answers.chain([&operation["requestBody"]]) {
            let content = &whole["content"]["application/json"];
            if content.is_null() || content["schema"] == json!({"type": "object"}) {
                continue;
            }
            assert!(!content["example"].is_null(), "{place}: no example of {content:#}");
            check(&place, &content["schema"], &content["example"]);
        }
    }
}

#[test]
fn every_operation_says_what_a_client_needs() {
    let mut ids = BTreeSet::new();
    let groups: Vec<&Value> = document()["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    for route in routes() {
        let operation = route.operation;
        let place = format!("{} {}", route.method, route.path);
        assert!(ids.insert(operation.id) && !operation.id.is_empty(), "{place}: the id is missing or is another's");
        assert!(groups.contains(&&json!(operation.group)), "{place}: {} is no group", operation.group);
        assert!(!operation.summary.is_empty() && !operation.summary.ends_with('.'), "{place}: {}", operation.summary);
        assert!(!operation.answers.is_empty(), "{place} has no answer");
        for answer in operation.answers {
            assert!(answer.status.is_success() && !answer.about.is_empty(), "{place}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_the_description_is_taken() {
    let world = World::start().await;
    world.put_patient("rosa", "Rosa", "Martinez", JANE).await;
    let mut message = String::new();
    let spare = world.new_token("riverside").await;
    // Whoever is opted out gets no more texts.
    let (last, first): (Vec<_>, Vec<_>) =
        operations().into_iter().partition(|(place, _)| place.ends_with("/opt-out") || place.starts_with("DELETE"));
    for (place, operation) in first.into_iter().chain(last) {
        let (method, path) = place.split_once(' ').unwrap();
        if path.ends_with("/events") {
            continue;
        }
        let mut path = filled(path, operation, &message, &spare);
        if path.ends_with("/resend") {
            path = format!("{RIVERSIDE}/webhooks/ehr/deliveries/{}/resend", world.a_delivery().await);
        }
        if path.ends_with("/hold") {
            world.receive(JANE, "please take me off your list").await;
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut call = match path.as_str() {
            "/v1/session" => world.call(method, &path).token(&world.new_session("tex").await),
            _ => world.operator(method, &path),
        };
        let taken = &operation["requestBody"]["content"]["application/json"];
        if !taken.is_null() {
            call = call.json(&taken["example"]);
        }
        let answer = call.send().await;
        // Nothing here has become unconfirmed.
        let is_taken = (200..300).contains(&answer.status) || answer.body["code"] == "not-unconfirmed";
        assert!(is_taken, "{place}: {}", answer.text);
        if operation["operationId"] == "send_message" {
            message = answer.body["id"].as_str().unwrap().to_owned();
        }
    }
}

/// A path and a query out of the examples of the parameters.
fn filled(template: &str, operation: &Value, message: &str, token: &str) -> String {
    let mut path = template.replace("{message}", message).replace("{token}", token.split('_').nth(1).unwrap());
    let mut query = Vec::new();
    for parameter in operation["parameters"].as_array().unwrap() {
        let (name, example) = (parameter["name"].as_str().unwrap(), &parameter["example"]);
        let example = example.as_str().map_or_else(|| example.to_string(), str::to_owned).replace('+', "%2B");
        match parameter["in"].as_str().unwrap() {
            "path" => path = path.replace(&format!("{{{name}}}"), &example),
            "query" if example != "null" => query.push(format!("{name}={}", example.replace(' ', "%20"))),
            _ => {}
        }
    }
    if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_has_the_fields_that_the_description_names_and_no_others() {
    let world = World::start().await;
    world.put_patient("rosa", "Rosa", "Martinez", JANE).await;
    let template = json!({"name": "Reminder", "text": "See you"});
    world.tex(Method::PUT, "/templates/reminder").json(&template).send().await.expect(201);
    let message = world.draft("rosa", "hello").await.expect(202)["id"].as_str().unwrap().to_owned();
    for (place, operation) in operations() {
        let taken = &operation["requestBody"]["content"]["application/json"];
        if taken.is_null() {
            continue;
        }
        let (method, path) = place.split_once(' ').unwrap();
        let path = filled(path, operation, &message, "assent_x_y");
        let wrong = |body: Value| {
            let call = world.operator(Method::from_bytes(method.as_bytes()).unwrap(), &path).json(&body);
            async { call.send().await.problem(422, "invalid")["errors"].clone() }
        };
        let told = |errors: &Value, field: &str, detail: Option<&str>| {
            errors.as_array().unwrap().iter().any(|error| {
                let is_known = error["detail"] != "is not a field of this call";
                error["field"] == field && detail.map_or(is_known, |detail| error["detail"] == detail)
            })
        };
        let schema = schema_of(&taken["schema"]);
        let errors = wrong(json!({"surprise": 1})).await;
        assert!(told(&errors, "surprise", Some("is not a field of this call")), "{place}: {errors}");
        for required in schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()) {
            assert!(
                told(&errors, required, Some("is required")),
                "{place}: {required} is said to be required: {errors}"
            );
        }
        for name in schema["properties"].as_object().unwrap().keys() {
            let mut body = taken["example"].clone();
            body[name] = json!([[]]);
            let errors = wrong(body.clone()).await;
            let is_told = told(&errors, name, None);
            assert!(is_told, "{place}: {name} is said to be a field: {errors}");
            // `null` is what the description says that it is: nothing, or a mistake.
            body[name] = Value::Null;
            let property = &schema["properties"][name];
            let may_be_null = property["type"]
                .as_array()
                .or(property["anyOf"].as_array())
                .is_some_and(|choices| choices.iter().any(|choice| *choice == "null" || choice["type"] == "null"));
            // What is wrong besides makes sure that nothing is done.
            body["surprise"] = json!(1);
            let errors = wrong(body).await;
            assert_eq!(told(&errors, name, None), !may_be_null, "{place}: {name} as null: {errors}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_name_every_call_and_code_and_load_nothing_from_elsewhere() {
    let world = World::start().await;
    let calls = world.call(Method::GET, "/docs").send().await;
    assert_eq!(calls.header("content-type"), "text/html; charset=utf-8");
    for (place, operation) in operations() {
        let id = operation["operationId"].as_str().unwrap();
        assert_eq!(calls.text.matches(&format!("id=\"{id}\"")).count(), 1, "{place}");
        assert!(calls.text.contains(&format!("href=\"#{id}\"")), "{place}");
    }
    let errors = world.call(Method::GET, "/docs/errors").send().await;
    for code in assent::http::Code::ALL {
        let place = code.explained_at();
        let name = place.strip_prefix("/docs/errors#").unwrap();
        assert_eq!(errors.text.matches(&format!("<section id=\"{name}\">")).count(), 1, "{name}");
    }
    for page in [&calls.text, &errors.text] {
        // An example may name an address; nothing is loaded from one.
        for foreign in ["<script", "src=", "style=", "=\"http", "=http", "url(", "@import", "//cdn"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        // Every link within the pages leads somewhere.
        for to in page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            let is_there = match to.split_once('#') {
                Some(("", place)) => page.contains(&format!("id=\"{place}\"")),
                Some(("/docs/errors", place)) => errors.text.contains(&format!("id=\"{place}\"")),
                Some(_) => false,
                // The page, and its icon, are not part of this world.
                None if to.starts_with("/console/") => true,
                None => world.call(Method::GET, to).send().await.status == 200,
            };
            assert!(is_there, "{to}");
        }
    }
}

/// The schema that a reference leads to.
fn schema_of(schema: &'static Value) -> &'static Value {
    let name = schema["$ref"].as_str().and_then(|to| to.strip_prefix("#/components/schemas/"));
    name.map_or(schema, |name| &document()["components"]["schemas"][name])
}

/// Every operation, by its method and path.
fn operations() -> Vec<(String, &'static Value)> {
    let operation = |route: &assent::http::Route| {
        let method = route.method.as_str().to_lowercase();
        (format!("{} {}", route.method, route.path), &document()["paths"][route.path][method])
    };
    routes().iter().map(operation).collect()
}
