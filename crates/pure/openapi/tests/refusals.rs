//! What the import refuses, ignores and doubts: one small definition for each rule, and what is said
//! of it, byte for byte. A name starts with the statement that it proves, where there is one.

#![cfg(test)]

use postern_openapi::{BasePathMode, ImportOptions, RootSecurity, import};

/// Says what an import tells of a definition: problems, then what is not served, without the file.
fn told_with(text: &str, options: &ImportOptions<'_>) -> Vec<String> {
    let imported = import("a", text, options);
    let problems = imported.problems.iter().map(ToString::to_string);
    let unserved = imported.unserved.iter().map(|problem| format!("not served: {problem}"));
    problems.chain(unserved).map(|line| line.replace("a:", "")).collect()
}

fn told(text: &str) -> Vec<String> {
    told_with(text, &ImportOptions::default())
}

/// A definition with one method, of which this is the operation; it starts on line 6, column 7.
fn with_operation(operation: &str) -> String {
    let indented: String = operation.lines().map(|line| format!("      {line}\n")).collect();
    format!("openapi: 3.0.1\ninfo: {{title: a}}\npaths:\n  /a/{{id}}:\n    get:\n{indented}")
}

/// A definition whose one method has this integration; it starts on line 8, column 9.
fn with_integration(integration: &str) -> String {
    let indented: String = integration.lines().map(|line| format!("  {line}\n")).collect();
    with_operation(&format!("responses: {{200: {{}}}}\nx-amazon-apigateway-integration:\n{indented}"))
}

/// A definition that serves, with these lines at its root; they start on line 4.
fn with_root(lines: &str) -> String {
    format!(
        "openapi: 3.0.1\ninfo: {{title: a}}\n\
         paths: {{/a: {{get: {{x-amazon-apigateway-integration: {{type: http_proxy, uri: 'http://a'}}}}}}}}\n{lines}"
    )
}

#[test]
fn an_authorization_that_was_left_empty_is_refused() {
    let integration = "x-amazon-apigateway-integration: {type: mock}";
    let problem = |key: &str| format!("7:7: `{key}` has no value: write one, or leave the key out");
    for key in ["x-amazon-apigateway-auth", "security"] {
        let told = told(&with_operation(&format!("{integration}\n{key}:")));
        assert!(told.contains(&problem(key)), "{told:?}");
    }
}

#[test]
fn a_text_that_is_no_definition_is_refused() {
    for (text, expected) in [
        (
            "",
            "1:1: neither `openapi` nor `swagger` stands at the root: expected `openapi: 3.0.…` or `swagger: \"2.0\"`",
        ),
        (
            "openapi: 3.1.0\npaths: {}\n",
            "1:10: `openapi` is `3.1.0`: expected OpenAPI 3.0 (`openapi: 3.0.…`) or Swagger 2.0",
        ),
        (
            "swagger: 1.2\npaths: {}\n",
            "1:10: `swagger` is `1.2`: expected OpenAPI 3.0 (`openapi: 3.0.…`) or Swagger 2.0",
        ),
        (
            "openapi: 3.0.0\nswagger: '2.0'\n",
            "1:10: both `openapi` and `swagger` stand here: expected one of them",
        ),
        (
            "Resources: {}\n",
            "1:1: this is a CloudFormation template: expected the OpenAPI or Swagger definition alone",
        ),
        (
            "[]",
            "1:1: neither `openapi` nor `swagger` stands at the root: expected `openapi: 3.0.…` or `swagger: \"2.0\"`",
        ),
        ("openapi: 3.0.0\ninfo: {title: a}\n", "1:1: `paths` is missing in a definition"),
    ] {
        assert!(told(text).contains(&expected.to_owned()), "{text}: {:#?}", told(text));
    }
    let large = format!("openapi: 3.0.0{}", " ".repeat(6 * 1024 * 1024));
    assert_eq!(told(&large), ["1:1: 6291470 bytes: a definition has at most 6291456"]);
}

#[test]
fn what_is_not_filled_in_refuses_at_the_first_place() {
    for (text, expected) in [
        (
            "info: {title: '${title}'}\nx: '${b}'\n",
            "1:16: `${title}` is a placeholder: it must be filled in before the definition is read (1 more like it)",
        ),
        (
            "info: {title: 'a {{ name }}'}\n",
            "1:18: `{{ name }}` is a placeholder: it must be filled in before the definition is read",
        ),
        (
            "paths:\n  /${stage}/a: {}\n",
            "2:3: `${stage}` is a placeholder: it must be filled in before the definition is read",
        ),
        (
            "info:\n  title: {Ref: Name}\n",
            "2:11: `Ref` is a CloudFormation function: it must be resolved before the definition is read",
        ),
        (
            "info:\n  title: !Sub a\n",
            "2:10: `!Sub` is a CloudFormation function: functions must be resolved before the text is read here",
        ),
        // Text for people counts where something else does, and then it may be the first.
        (
            "info: {description: 'costs ${price}', title: '${title}'}\n",
            "1:28: `${price}` is a placeholder: it must be filled in before the definition is read (1 more like it)",
        ),
        // So does a name in a template that nothing sets there.
        (
            "paths: {/a: {get: {x-amazon-apigateway-integration: {requestTemplates: {a/b: '$a ${b}'}, uri: '${uri}'}}}}\n",
            "1:82: `${b}` is a placeholder: it must be filled in before the definition is read (1 more like it)",
        ),
        // A pseudo parameter that the service's import does not know either.
        (
            "info: {title: '${AWS::StackName}'}\n",
            "1:16: `${AWS::StackName}` is a placeholder: it must be filled in before the definition is read",
        ),
        // Placeholders that break the syntax.
        (
            "info:\n  title: {{name}}\n",
            "2:10: `{{name}}` is a placeholder: it must be filled in before the definition is read",
        ),
        (
            "{\"info\": ${info}}\n",
            "1:10: `${info}` is a placeholder: it must be filled in before the definition is read",
        ),
    ] {
        assert_eq!(told(text).first().map(String::as_str), Some(expected), "{text}");
    }
}

#[test]
fn what_only_looks_like_a_placeholder_is_none() {
    let templates = "type: http\nhttpMethod: GET\nuri: https://${stageVariables.host}/${AWS::Region}\n\
                     requestTemplates: {application/json: '{\"a\": {{\"b\": \"${c}\"}}'}\nresponses: {default: {statusCode: 200}}";
    assert_eq!(
        told(&with_integration(templates)),
        ["11:61: warning: `${c}` is set nowhere in its template and prints nothing: is it a placeholder?"]
    );
    for template in [
        "#set($c = 1)${c}",
        "#foreach( $c in [1])${c}#end",
        "${input.body} ${context.stage} ${input}",
        "$!{a.b}",
    ] {
        let text = with_integration(&format!(
            "type: http\nhttpMethod: GET\nuri: http://a\nresponses: {{default: {{statusCode: 200}}}}\nrequestTemplates: {{a/b: '{template}'}}"
        ));
        assert!(
            !told(&text).iter().any(|line| line.contains("placeholder")),
            "{template}: {:#?}",
            told(&text)
        );
    }
    let policy = "x-amazon-apigateway-policy:\n  Version: '2012-10-17'\n  Statement:\n    - {Effect: Allow, Principal: '*', \
                  Action: 'execute-api:Invoke', Resource: 'execute-api:/*/GET/${aws:username}'}\n";
    assert!(!told(&with_root(policy)).iter().any(|line| line.contains("placeholder")));
    let described = with_root("tags: [{name: a, description: 'costs ${price}'}]\n");
    assert!(!told(&described).iter().any(|line| line.contains("placeholder")));
    let schema = with_root("components: {schemas: {A: {properties: {Ref: {type: string}}}}}\n");
    assert!(!told(&schema).iter().any(|line| line.contains("CloudFormation")));
}

#[test]
fn in2_without_an_integration_there_is_nothing_to_serve() {
    let none = "openapi: 3.0.1\ninfo: {title: a}\npaths: {/a: {get: {}}}\n";
    assert_eq!(
        told(none),
        [
            "not served: 3:1: no operation has an integration, so that there is nothing to serve: an export carries \
          integrations with `extensions=integrations` or `extensions=apigateway`"
        ]
    );
    let one = "openapi: 3.0.1\ninfo: {title: a}\npaths:\n  /a:\n    get: {}\n    \
               put: {x-amazon-apigateway-integration: {type: http_proxy, uri: 'http://a'}}\n";
    assert_eq!(
        told(one),
        ["not served: 5:5: GET /a has no integration: the service imports that and does not deploy it"]
    );
}

#[test]
fn an_integration_says_what_it_calls() {
    for (integration, expected) in [
        ("httpMethod: GET", "8:9: `type` is missing in an integration"),
        (
            "type: lambda",
            "8:15: `type` is `lambda`: expected `http`, `http_proxy`, `aws`, `aws_proxy` or `mock`",
        ),
        ("type: HTTP", "8:9: `uri` is missing: only an integration of type `mock` has none"),
        (
            "type: http_proxy\nuri: ftp://a.example",
            "9:14: `uri` is `ftp://a.example`: expected an address that starts with `http://` or `https://`",
        ),
        (
            "type: http_proxy\nuri: http://a.example:81/",
            "9:14: `uri` is `http://a.example:81/`: expected port 80, 443, or one from 1024 to 65535",
        ),
        (
            "type: http_proxy\nuri: http://a\nhttpMethod: FETCH",
            "10:21: `httpMethod` is `FETCH`: expected one of DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, ANY",
        ),
        (
            "type: http_proxy\nuri: http://a\nconnectionType: VPC_LINK",
            "8:9: `connectionId` is missing: a `VPC_LINK` is named by it",
        ),
        (
            "type: http_proxy\nuri: http://a\ntimeoutInMillis: 30000",
            "10:26: `timeoutInMillis` is `30000`: expected a whole number from 50 to 29000",
        ),
        (
            "type: http\nuri: http://a\nresponses: {default: {statusCode: 200}}\nresponseTransferMode: stream",
            "11:31: `responseTransferMode: STREAM` is for the types `http_proxy` and `aws_proxy` alone",
        ),
        (
            "type: aws_proxy\nhttpMethod: POST\nuri: arn:aws:apigateway:us-east-1:sqs:path/q",
            "10:14: an integration of type `aws_proxy` calls a Lambda function and nothing else",
        ),
        (
            "type: aws\nhttpMethod: POST\nuri: http://a",
            "10:14: `uri` is `http://a`: expected `arn:aws:apigateway:REGION:SERVICE:path/…` or `…:action/…`",
        ),
        (
            "type: aws_proxy\nhttpMethod: GET\nuri: arn:aws:apigateway:r:lambda:path/2015-03-31/functions/f/invocations",
            "9:21: `httpMethod` is `GET`: a Lambda function is called by `POST`, every other call answers 500",
        ),
    ] {
        assert_refused(integration, expected);
    }
}

#[test]
fn a_mapping_and_an_answer_have_a_form() {
    for (integration, expected) in [
        (
            "type: mock\nrequestParameters: {integration.request.header.a: b}\nresponses: {default: {statusCode: 200}}",
            "9:59: `integration.request.header.a` is `b`: expected `method.request.…`, `stageVariables.NAME`, \
             `context.NAME` or text in single quotes",
        ),
        (
            "type: mock\nrequestParameters: {header.a: \"'b'\"}\nresponses: {default: {statusCode: 200}}",
            "9:29: `header.a` cannot be set: expected `integration.request.header.NAME`, `.querystring.NAME` or `.path.NAME`",
        ),
        (
            "type: mock\nresponses: {default: {statusCode: 20}}",
            "9:43: `statusCode` is `20`: expected a status from 100 to 599",
        ),
        ("type: mock\nresponses: {default: {}}", "9:30: `statusCode` is missing in an integration response"),
        (
            "type: mock\nresponses: {'(?=a)': {statusCode: 200}}",
            "9:21: `(?=a)` is not a pattern that can be matched: looking around needs \
             backtracking, at its character 1",
        ),
        (
            "type: mock\nresponses: {default: {statusCode: 200, responseParameters: {a: \"'b'\"}}}",
            "9:69: `a` cannot be set: expected `method.response.header.NAME`",
        ),
        (
            "type: mock\nresponses: {default: {statusCode: 200}}\nrequestTemplates: {application/json: {statusCode: 200}}",
            "10:46: the requestTemplates entry for `application/json` is a mapping: expected a template as text",
        ),
        (
            "$ref: '#/components/x-amazon-apigateway-integrations/a'",
            "8:15: `$ref` is `#/components/x-amazon-apigateway-integrations/a`: nothing stands there",
        ),
        (
            "$ref: other.yaml#/a",
            "8:15: `$ref` is `other.yaml#/a`: only references within the definition are followed: nothing is fetched",
        ),
    ] {
        assert_refused(integration, expected);
    }
}

fn assert_refused(integration: &str, expected: &str) {
    let told = told(&with_integration(integration));
    assert!(told.contains(&expected.to_owned()), "{integration}\nexpected {expected}\ntold {told:#?}");
}

#[test]
fn section_6_3_an_illegal_target_is_refused_or_every_call_fails() {
    for (kind, header, is_illegal) in [
        ("http", "content-length", true),
        ("http_proxy", "Transfer-Encoding", true),
        ("aws", "X-Amzn-Trace-Id", true),
        ("aws_proxy", "X-Amzn-Apigateway-Api-Id", true),
        ("mock", "Content-Length", false),
        ("http", "Authorization", false),
        ("aws", "authorization", true),
        ("aws", "Connection", true),
        ("aws_proxy", "TE", true),
        ("http", "Host", false),
    ] {
        let address = if kind.starts_with("aws") {
            "arn:aws:apigateway:r:lambda:path/2015-03-31/functions/f/invocations"
        } else {
            "http://a"
        };
        let text = with_integration(&format!(
            "type: {kind}\nhttpMethod: POST\nuri: {address}\nresponses: {{default: {{statusCode: 200}}}}\n\
             requestParameters: {{integration.request.header.{header}: \"'a'\"}}"
        ));
        let message =
            format!("12:29: the header `{header}` cannot be set by a mapping: every call answers 500");
        assert_eq!(told(&text).contains(&message), is_illegal, "{kind} {header}");
        let lenient = ImportOptions { strict: false, ..ImportOptions::default() };
        let imported = import("a", &text, &lenient);
        let method = &imported.definition.unwrap().resources[0].methods[0];
        assert_eq!(method.integration.always_fails, is_illegal, "{kind} {header}");
    }
}

#[test]
fn what_the_service_answers_500_to_is_a_warning_where_the_api_is_not_strict() {
    let text = with_integration(
        "type: http\nhttpMethod: GET\nuri: http://a:81/\nrequestTemplates: {application/json: '#if(true) a'}\n\
         responses: {default: {statusCode: 200}}",
    );
    let lenient = ImportOptions { strict: false, ..ImportOptions::default() };
    let strict = told(&text);
    assert_eq!(strict.len(), 2, "{strict:#?}");
    assert_eq!(
        told_with(&text, &lenient),
        strict.iter().map(|line| line.replacen(": ", ": warning: ", 1)).collect::<Vec<_>>()
    );
    assert!(
        import("a", &text, &lenient).definition.is_some()
            && import("a", &text, &ImportOptions::default()).definition.is_none()
    );
}

#[test]
fn a_doubtful_integration_is_warned_of() {
    let lambda = "arn:aws:apigateway:r:lambda:path/2015-03-31/functions/f/invocations";
    for (integration, expected) in [
        (
            "type: http_proxy\nuri: http://a/{proxy}".to_owned(),
            "8:9: warning: `{proxy}` in `uri` is filled by nothing: without `integration.request.path.proxy` every call answers 500",
        ),
        (
            "type: mock\nrequestParameters: {integration.request.header.a: method.request.header.b}\nresponses: {default: {statusCode: 200}}".to_owned(),
            "9:29: warning: `method.request.header.b` is used in a mapping and not declared by its method",
        ),
        (
            "type: mock\nresponses: {default: {statusCode: 404}}".to_owned(),
            "9:21: warning: the method declares no response 404: to answer with it is to answer 500",
        ),
        (
            "type: mock\nresponses: {default: {statusCode: 200, responseParameters: {method.response.header.a: \"'b'\"}}}".to_owned(),
            "9:69: warning: the header `a` is set by a mapping and not declared by the method response",
        ),
        (
            format!("type: aws\nhttpMethod: POST\nuri: {lambda}\nresponses: {{.*: {{statusCode: 200}}}}"),
            "11:21: warning: `.*` matches an answer without an error message too: it takes the successes of the function",
        ),
        (
            format!("type: aws_proxy\nhttpMethod: POST\nuri: {lambda}\nrequestParameters: {{integration.request.header.a: \"'b'\"}}"),
            "11:29: warning: `requestParameters` of an integration of type `aws_proxy` has no effect",
        ),
        (
            "type: http_proxy\nuri: http://a\nrequestTemplates: {application/json: a}".to_owned(),
            "10:28: warning: `requestTemplates` of a proxy integration has no effect: the request passes as it is",
        ),
        (
            "type: http\nuri: http://a\nresponses: {default: {statusCode: 200}}\nrequestParameters: {integration.request.header.Via: \"'b'\"}".to_owned(),
            "11:29: warning: the header `Via` is dropped on the way to the backend",
        ),
        (
            "type: http_proxy\nurl: http://a\nuri: http://a".to_owned(),
            "9:9: warning: `url` is no key of an integration and is ignored: did you mean `uri`?",
        ),
        (
            "type: http_proxy\nuri: http://a\npayloadFormatVersion: '2.0'".to_owned(),
            "10:9: warning: `payloadFormatVersion` of an integration is ignored: it belongs to HTTP APIs",
        ),
        (
            "type: http_proxy\nuri: http://a\ntlsConfig: {serverNameToVerify: b}".to_owned(),
            "10:21: warning: `serverNameToVerify` of `tlsConfig` is ignored: it belongs to HTTP APIs, and the name in the `uri` is verified",
        ),
    ] {
        let text = with_integration(&integration);
        let told = told(&text);
        assert!(told.contains(&expected.to_owned()), "{integration}\nexpected {expected}\ntold {told:#?}");
        assert!(import("a", &text, &ImportOptions::default()).definition.is_some(), "{told:#?}");
    }
}

#[test]
fn au122_a_method_is_never_open_by_mistake() {
    let definition = |security: &str, schemes: &str| {
        format!(
            "swagger: '2.0'\ninfo: {{title: a}}\npaths:\n  /a:\n    get:\n      \
             x-amazon-apigateway-integration: {{type: http_proxy, uri: 'http://a'}}\n      {security}\n\
             securityDefinitions:\n  {schemes}\n"
        )
    };
    let missing = definition("security: [{keys: []}]", "key: {type: apiKey, name: x-api-key, in: header}");
    assert_eq!(
        told(&missing),
        ["not served: 7:19: the security scheme `keys` is missing from the definition: did you mean `key`?"]
    );
    assert!(import("a", &missing, &ImportOptions::default()).definition.unwrap().resources.is_empty());
    let export = "not served: 7:19: the security scheme `auth` has no authorizer, so that everybody could call: an export \
                  carries authorizers with `extensions=authorizers`, and `x-amazon-apigateway-auth: {type: NONE}` opens a method";
    for scheme in ["{type: apiKey, name: Authorization, in: header}", "{type: oauth2}", "{type: basic}"] {
        assert_eq!(
            told(&definition("security: [{auth: []}]", &format!("auth: {scheme}"))),
            [export],
            "{scheme}"
        );
    }
    let opened = definition(
        "security: [{auth: []}]\n      x-amazon-apigateway-auth: {type: none}",
        "auth: {type: oauth2}",
    );
    assert_eq!(told(&opened), ["7:19: warning: the security scheme `auth` is ignored: it has no authorizer"]);
    // SAM says so that a method has no authorizer.
    assert_eq!(told(&definition("security: [{NONE: []}]", "auth: {type: oauth2}")), [""; 0]);
    let wrong = definition("x-amazon-apigateway-auth: {type: custom}", "auth: {type: oauth2}");
    assert_eq!(told(&wrong), ["7:40: `type` is `custom`: expected `NONE` or `AWS_IAM`"]);
}

#[test]
fn an_authorizer_says_whom_it_asks() {
    let lambda = "arn:aws:apigateway:r:lambda:path/2015-03-31/functions/f/invocations";
    for (scheme, expected) in [
        (
            "name: Authorization, in: header, x-amazon-apigateway-authorizer: {type: token}".to_owned(),
            "4:118: `authorizerUri` is missing in a Lambda authorizer",
        ),
        (
            format!(
                "in: query, name: a, x-amazon-apigateway-authorizer: {{type: token, authorizerUri: '{lambda}'}}"
            ),
            "4:105: an authorizer of this type reads one header: expected its name as the `name` of the security scheme \
             or as `identitySource`",
        ),
        (
            format!(
                "in: header, name: Unused, x-amazon-apigateway-authorizer: {{type: request, authorizerUri: '{lambda}'}}"
            ),
            "4:111: `identitySource` is missing: an authorizer whose answers are kept needs one",
        ),
        (
            format!(
                "in: header, name: a, x-amazon-apigateway-authorizer: {{type: request, authorizerUri: '{lambda}', identitySource: 'a'}}"
            ),
            "4:224: `identitySource` is `a`: expected `method.request.header.NAME`, `method.request.querystring.NAME`, \
             `stageVariables.NAME` or `context.NAME`",
        ),
        (
            format!(
                "in: header, name: a, x-amazon-apigateway-authorizer: {{type: token, authorizerUri: '{lambda}', identityValidationExpression: '(?!a)'}}"
            ),
            "4:236: `(?!a)` is not a pattern that can be matched: looking around needs \
             backtracking, at its character 1",
        ),
        (
            "in: header, name: a, x-amazon-apigateway-authorizer: {type: cognito_user_pools}".to_owned(),
            "4:106: `providerARNs` is missing in an authorizer of type `cognito_user_pools`",
        ),
        (
            format!(
                "in: header, name: a, x-amazon-apigateway-authorizer: {{type: token, authorizerUri: '{lambda}', authorizerResultTtlInSeconds: 3601}}"
            ),
            "4:236: `authorizerResultTtlInSeconds` is `3601`: expected a whole number from 0 to 3600",
        ),
    ] {
        let text =
            with_root(&format!("components: {{securitySchemes: {{auth: {{type: apiKey, {scheme}}}}}}}\n"));
        let told = told(&text);
        assert!(told.contains(&expected.to_owned()), "{scheme}\nexpected {expected}\ntold {told:#?}");
    }
}

#[test]
fn an_authorizers_keys_without_effect_are_warned_of() {
    let nothing = |name: &str| format!("4:224: warning: `{name}` in `identitySource` never has a value here");
    let expression =
        "4:271: warning: `identityValidationExpression` has no effect in an authorizer of type `request`";
    for (keys, expected) in [
        ("identitySource: 'context.path, context.nothing'", nothing("context.nothing")),
        ("identitySource: 'context.error.message'", nothing("context.error.message")),
        ("identitySource: 'context.authorizer.x'", nothing("context.authorizer.x")),
        ("authorizerResultTtlInSeconds: 0, identityValidationExpression: 'a'", expression.to_owned()),
    ] {
        let uri = "arn:aws:apigateway:r:lambda:path/2015-03-31/functions/f/invocations";
        let authorizer = format!("{{type: request, authorizerUri: '{uri}', {keys}}}");
        let scheme = format!("in: header, name: a, x-amazon-apigateway-authorizer: {authorizer}");
        let text =
            with_root(&format!("components: {{securitySchemes: {{auth: {{type: apiKey, {scheme}}}}}}}\n"));
        assert_eq!(told(&text), [expected], "{keys}");
    }
}

#[test]
fn security_at_the_root_is_applied_or_ignored_and_both_is_told() {
    let text = with_root(
        "security: [{sig: []}]\ncomponents: {securitySchemes: {sig: {type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: awsSigv4}}}\n",
    );
    let applied = told(&text);
    assert!(
        applied.contains(
            &"4:1: warning: `security` at the root, which the service may not use, is applied to GET /a"
                .to_owned()
        )
    );
    let ignore = ImportOptions { root_security: RootSecurity::Ignore, ..ImportOptions::default() };
    let ignored = told_with(&text, &ignore);
    assert!(ignored.contains(
        &"4:1: warning: `security` at the root is ignored, as `rootSecurity: ignore` says".to_owned()
    ));
    assert!(!ignored.iter().any(|line| line.starts_with("not served")));
}

#[test]
fn v4_a_validator_that_is_used_is_declared() {
    let text = with_root(
        "x-amazon-apigateway-request-validators: {body: {validateRequestBody: true}}\nx-amazon-apigateway-request-validator: bodi\n",
    );
    assert!(
        told(&text).contains(
            &"5:40: `bodi` is no validator of `x-amazon-apigateway-request-validators`: did you mean `body`?"
                .to_owned()
        )
    );
}

#[test]
fn a_model_that_cannot_be_compiled_refuses_where_it_is_used_to_validate() {
    let text = |validator: &str| {
        with_operation(&format!(
            "x-amazon-apigateway-request-validator: {validator}\n\
             requestBody: {{content: {{application/json: {{schema: {{$ref: '#/components/schemas/A'}}}}}}}}\n\
             responses: {{200: {{}}}}\nx-amazon-apigateway-integration: {{type: http_proxy, uri: 'http://a'}}\n"
        )) + "x-amazon-apigateway-request-validators: {all: {validateRequestBody: true}, none: {}}\n\
             components: {schemas: {A: {properties: {b: {$ref: 'http://a/b.json'}}}}}\n"
    };
    let refused = told(&text("all"));
    assert!(
        refused
            .iter()
            .any(|line| line.starts_with("11:51: `$ref` is `http://a/b.json`: schemas are never fetched")),
        "{refused:#?}"
    );
    let warned = told(&text("none"));
    assert!(
        warned.iter().any(|line| line.starts_with("11:51: warning: `$ref` is `http://a/b.json`")),
        "{warned:#?}"
    );
}

#[test]
fn sd2_keywords_that_an_import_drops_are_told_once() {
    let text = with_root(
        "components:\n  schemas:\n    A: {type: object, example: {}, properties: {b: {type: string, example: c, xml: {}}}}\n    \
         B: {type: object, properties: {example: {type: string, readOnly: true}}}\n",
    );
    let told = told(&text);
    for expected in [
        "6:23: warning: `example` of a model is ignored: the service drops it at import (and at 1 other place)",
        "6:79: warning: `xml` of a model is ignored: the service drops it at import",
        "7:60: warning: `readOnly` of a model is ignored: the service drops it at import",
    ] {
        assert!(told.contains(&expected.to_owned()), "{expected}\n{told:#?}");
    }
    assert_eq!(told.iter().filter(|line| line.contains("of a model")).count(), 3);
}

#[test]
fn extensions_are_understood_or_ignored_with_a_reason() {
    for (lines, expected) in [
        (
            "x-amazon-apigateway-documentation: {}",
            "4:1: warning: `x-amazon-apigateway-documentation` is ignored: documentation changes no answer",
        ),
        (
            "x-amazon-apigateway-cors: {}",
            "4:1: warning: `x-amazon-apigateway-cors` is ignored: it belongs to HTTP APIs",
        ),
        (
            "x-amazon-apigateway-polcy: {}",
            "4:1: warning: `x-amazon-apigateway-polcy` is unknown and is ignored: did you mean `x-amazon-apigateway-policy`?",
        ),
        (
            "x-amazon-apigateway-integration: {}",
            "4:1: warning: `x-amazon-apigateway-integration` has no effect here: it belongs into an operation",
        ),
        (
            "x-other: 1\nx-another: 2",
            "4:1: warning: extensions of other tools are ignored (and at 1 other place)",
        ),
        (
            "paths2: {}",
            "4:1: warning: `paths2` is no key of a definition and is ignored: did you mean `paths`?",
        ),
        (
            "x-amazon-apigateway-minimum-compression-size: 10485761",
            "4:47: `x-amazon-apigateway-minimum-compression-size` is `10485761`: expected a whole number from 0 to 10485760",
        ),
        (
            "x-amazon-apigateway-api-key-source: QUERY",
            "4:37: `x-amazon-apigateway-api-key-source` is `QUERY`: expected `HEADER` or `AUTHORIZER`",
        ),
        (
            "x-amazon-apigateway-gateway-responses: {ACCES_DENIED: {}}",
            "4:41: `ACCES_DENIED` is no type of gateway response: did you mean `ACCESS_DENIED`?",
        ),
        (
            "x-amazon-apigateway-gateway-responses: {request_too_large: {statusCode: 413}}",
            "4:41: warning: `REQUEST_TOO_LARGE` is ignored: the service has no other answer for it (GR-4)",
        ),
        (
            "x-amazon-apigateway-gateway-responses: {THROTTLED: {responseParameters: {gatewayresponse.path.a: \"'b'\"}}}",
            "4:74: warning: `gatewayresponse.path.a` is ignored: an answer has headers alone",
        ),
        (
            "x-amazon-apigateway-policy: {Statement: [{Effect: allow, Principal: '*', Action: '*', Resource: '*'}]}",
            "4:51: `Statement[0].Effect` is `allow`: expected `Allow` or `Deny`",
        ),
        (
            "servers: [{url: /, x-amazon-apigateway-endpoint-configuration: {vpcEndpointIds: [vpc-1]}}]",
            "4:82: `vpcEndpointIds` is `vpc-1`: expected `vpce-` and then hexadecimal digits",
        ),
    ] {
        let told = told(&with_root(&format!("{lines}\n")));
        assert!(told.contains(&expected.to_owned()), "{lines}\nexpected {expected}\ntold {told:#?}");
    }
}

#[test]
fn what_is_not_served_yet_is_told_once_for_each_feature() {
    let text = with_root(
        "x-amazon-apigateway-binary-media-types: [image/png, image/gif]\n\
         x-amazon-apigateway-minimum-compression-size: 0\nx-amazon-apigateway-security-policy: TLS_1_2\n\
         x-amazon-apigateway-endpoint-access-mode: strict\n",
    );
    assert_eq!(
        told(&text).into_iter().filter(|line| line.starts_with("not served")).collect::<Vec<_>>(),
        [
            "not served: 6:38: `x-amazon-apigateway-security-policy` is not served yet",
            "not served: 7:43: `x-amazon-apigateway-endpoint-access-mode` is not served yet",
        ]
    );
}

#[test]
fn a_base_path_that_is_no_path_is_refused_where_it_is_used() {
    let text = "swagger: '2.0'\ninfo: {title: a}\nbasePath: /v{n}\npaths: {}\n";
    let prepend = ImportOptions { base_path: BasePathMode::Prepend, ..ImportOptions::default() };
    assert!(told_with(text, &prepend).contains(
        &"3:11: the base path `/v{n}` cannot be put in front of paths: expected path parts of letters, digits and `.:_-`, \
          or whole variables such as `{name}`"
            .to_owned()
    ));
    assert!(!told(text).iter().any(|line| line.starts_with("3:")));
}
