//! Gives every schema, and every body and answer, an example: its own, or one that is put together from those of its parts.

use serde_json::{Map, Value, json};

/// Where a reference into the description begins.
const SCHEMAS: &str = "#/components/schemas/";

/// Fills in what has no example yet. What none can be made for is left without, which the tests don't let pass.
pub fn fill_in(document: &mut Value) {
    let schemas = document["components"]["schemas"].as_object().cloned().unwrap_or_default();
    for (name, schema) in &schemas {
        if schema.get("examples").is_none()
            && let Some(example) = example_of(schema, &schemas)
        {
            document["components"]["schemas"][name]["examples"] = json!([example]);
        }
    }
    let operations = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    for operation in operations.filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        if let Some(body) = operation.get_mut("requestBody") {
            give(body, &schemas);
        }
        let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
        responses.into_iter().flat_map(Map::values_mut).for_each(|response| give(response, &schemas));
    }
}

/// Gives an example to a body or an answer, if it has JSON in it.
fn give(whole: &mut Value, schemas: &Map<String, Value>) {
    let Some(content) = whole.get_mut("content").and_then(|content| content.get_mut("application/json")) else {
        return;
    };
    if let Some(example) = example_of(&content["schema"], schemas) {
        content["example"] = example;
    }
}

/// What a schema's JSON looks like.
fn example_of(schema: &Value, schemas: &Map<String, Value>) -> Option<Value> {
    if let Some(own) = schema.get("examples").and_then(|examples| examples.get(0)) {
        return Some(own.clone());
    }
    if let Some(name) = schema.get("$ref").and_then(|to| to.as_str()?.strip_prefix(SCHEMAS)) {
        return example_of(schemas.get(name)?, schemas);
    }
    if let Some(choices) = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array) {
        let one = choices.iter().find_map(|choice| example_of(choice, schemas))?;
        // An object may have members besides its choice.
        return match (one, object(schema, schemas)?) {
            (Value::Object(chosen), mut members) => {
                members.extend(chosen);
                Some(Value::Object(members))
            }
            (other, _) => Some(other),
        };
    }
    let kind = schema.get("type").and_then(|kind| kind.as_str().or_else(|| kind.get(0)?.as_str()))?;
    match kind {
        "object" => object(schema, schemas).filter(|members| !members.is_empty()).map(Value::Object),
        "array" => schema.get("items").and_then(|items| example_of(items, schemas)).map(|item| json!([item])),
        "integer" => Some(json!(1)),
        "boolean" => Some(json!(false)),
        _ => None,
    }
}

/// The members that a schema names, with their examples; `None` when one of them has none.
fn object(schema: &Value, schemas: &Map<String, Value>) -> Option<Map<String, Value>> {
    let members = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    members.map(|(name, member)| Some((name.clone(), example_of(member, schemas)?))).collect()
}
