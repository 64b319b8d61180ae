//! API definitions as people publish them: what is read, and what is refused and where.

use postern_document::parse_yaml;

/// What reading a file gives: the value and place under a pointer, or all problems.
enum Expected {
    Value { pointer: &'static str, text: &'static str, place: &'static str },
    Problem(&'static str),
}

const FILES: &[(&str, &str, Expected)] = &[
    (
        "022.yaml",
        include_str!("corpus/022-sessions-with-aws-server-api.yaml"),
        // Its next line is indented no deeper than the key, which YAML 1.2 section 7.3.1 forbids.
        Expected::Problem("022.yaml:88:42: not valid YAML: invalid indentation in quoted scalar"),
    ),
    (
        "033.yaml",
        include_str!("corpus/033-amazon-api-gateway-api-gateway-api.yaml"),
        Expected::Problem("033.yaml:9:1: duplicate key `paths`: it stands at 033.yaml:8:1 already"),
    ),
    (
        "088.yaml",
        include_str!("corpus/088-moto-resources-test-deep-api.yaml"),
        Expected::Value {
            pointer: "/paths/~1test~1some~1deep~1path/post/responses/200/description",
            text: "200 response",
            place: "088.yaml:12:24",
        },
    ),
    (
        "107.json",
        include_str!("corpus/107-localstack-files-openapi-spec-stage-variables.json"),
        Expected::Value {
            pointer: "/paths/~1path1/get/x-amazon-apigateway-integration/payloadFormatVersion",
            text: "1.0",
            place: "107.json:12:34",
        },
    ),
    (
        "110.json",
        include_str!("corpus/110-localstack-files-pets.json"),
        Expected::Value {
            pointer: "/x-amazon-apigateway-binary-media-types/1",
            text: "image/jpg",
            place: "110.json:12:5",
        },
    ),
    (
        "113.yaml",
        include_str!("corpus/113-localstack-files-openapi-method-int-spec.yaml"),
        Expected::Value {
            pointer: "/paths/~1test/get/x-amazon-apigateway-integration/requestTemplates/application~1json",
            text: "{\"statusCode\": 200}",
            place: "113.yaml:32:29",
        },
    ),
];

#[test]
fn published_definitions_are_read_or_refused_with_a_place() {
    for (file, text, expected) in FILES {
        match (expected, parse_yaml(file, text)) {
            (Expected::Value { pointer, text, place }, Ok(root)) => {
                let node = root.at_pointer(pointer).expect(pointer);
                assert_eq!((node.as_text(), node.place.to_string().as_str()), (Some(*text), *place));
            }
            (Expected::Problem(problem), Err(problems)) => {
                let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
                assert_eq!(told, [*problem]);
            }
            (_, outcome) => panic!("{file}: {outcome:?}"),
        }
    }
}
