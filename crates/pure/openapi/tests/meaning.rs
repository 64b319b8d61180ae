//! What definitions come to mean: the model that an import makes of them.

#![cfg(test)]

use std::fmt::Write as _;

use postern_model::{
    AccountId, AuthorizationType, AuthorizerKind, CacheKeyParameter, ConnectionType, Definition,
    GatewayResponseSource, GatewayResponseType, IdentitySource, IntegrationType, Method, ParameterLocation,
    Partition, PassthroughBehavior, Region, RequestSource, RequestTarget, ResponseSource, RestApiId,
    Template, UriSegment, Verb,
};
use postern_openapi::{ApiIdentity, BasePathMode, ImportOptions, import};

macro_rules! corpus {
    ($name:literal) => {
        imported(include_str!(concat!("corpus/dev/", $name)), &ImportOptions::default())
    };
}

fn imported(text: &str, options: &ImportOptions<'_>) -> Definition {
    let imported = import("a", text, options);
    imported.definition.unwrap_or_else(|| panic!("{:#?}", imported.problems))
}

fn method<'a>(definition: &'a Definition, path: &str, verb: Verb) -> &'a Method {
    let resource = definition.resources.iter().find(|resource| resource.path.as_str() == path).unwrap();
    resource.methods.iter().find(|method| method.verb == verb).unwrap()
}

fn paths(definition: &Definition) -> Vec<&str> {
    definition.resources.iter().map(|resource| resource.path.as_str()).collect()
}

#[test]
fn the_pet_store_is_what_the_walk_serves() {
    let definition = corpus!("084-aws-api-gateway-de-catalog-petstore-asfd-swagger-apigateway.json");
    assert_eq!(&*definition.title, "PetStore");
    assert_eq!(paths(&definition), ["/", "/pets", "/pets/{petId}"]);

    let root = method(&definition, "/", Verb::Get);
    assert_eq!(root.integration.kind, IntegrationType::Mock);
    assert_eq!(root.integration.uri, None);
    assert!(
        matches!(root.integration.request_templates.as_slice(), [(kind, Template::Parsed(_))] if &**kind == "application/json")
    );
    let foo = CacheKeyParameter::Method(ParameterLocation::Header, "foo".into());
    assert_eq!(root.integration.cache_key_parameters, [foo]);
    let page = &root.integration.responses[0];
    assert_eq!((page.status, &page.selection_pattern), (200, &None));
    assert_eq!(&*page.response_parameters[0].header, "Content-Type");
    assert!(
        matches!(&page.response_parameters[0].source, ResponseSource::Literal(text) if &**text == "text/html")
    );
    assert_eq!(&*page.response_templates[0].0, "text/html");

    let list = method(&definition, "/pets", Verb::Get);
    assert_eq!(list.integration.http_method, Some(Verb::Get));
    assert_eq!(list.integration.passthrough_behavior, PassthroughBehavior::WhenNoMatch);
    assert_eq!(list.integration.timeout_milliseconds, 29_000);
    let declared: Vec<_> =
        list.request_parameters.iter().map(|parameter| (parameter.location, &*parameter.name)).collect();
    assert_eq!(
        declared,
        [(ParameterLocation::QueryString, "type"), (ParameterLocation::QueryString, "page")]
    );
    let page = &list.integration.request_parameters[0];
    assert_eq!(page.target, RequestTarget::QueryString("page".into()));
    assert!(matches!(&page.source, RequestSource::QueryString(name) if &**name == "page"));

    let create = method(&definition, "/pets", Verb::Post);
    assert_eq!(create.operation_name.as_deref(), Some("CreatePet"));
    assert_eq!(&*create.request_models[0].media_type, "application/json");

    let one = method(&definition, "/pets/{petId}", Verb::Get);
    let uri = one.integration.uri.as_ref().unwrap();
    assert_eq!(
        uri.segments(),
        [
            UriSegment::Literal("http://petstore-demo-endpoint.execute-api.com/petstore/pets/".into()),
            UriSegment::PathParameter("petId".into()),
        ]
    );
    assert_eq!(one.authorization, AuthorizationType::None);
    assert!(!one.api_key_required && one.request_validator.is_none());
}

#[test]
fn a_base_path_goes_where_the_mode_says() {
    let text =
        include_str!("corpus/dev/084-aws-api-gateway-de-catalog-petstore-asfd-swagger-apigateway.json");
    let with = |base_path| imported(text, &ImportOptions { base_path, ..ImportOptions::default() });
    assert_eq!(paths(&with(BasePathMode::Prepend)), ["/asfd", "/asfd/pets", "/asfd/pets/{petId}"]);
    assert_eq!(paths(&with(BasePathMode::Split)), ["/", "/pets", "/pets/{petId}"]);
    let text = include_str!("corpus/dev/108-localstack-files-openapi-basepath-server-variable.yaml");
    let prepend = ImportOptions { base_path: BasePathMode::Prepend, ..ImportOptions::default() };
    assert_eq!(paths(&imported(text, &prepend)), ["/base-var/test"]);
}

#[test]
fn any_stands_beside_the_verbs_that_it_yields_to() {
    let definition = corpus!("085-aws-api-gateway-de-tests-swagger-any-get-methods.json");
    let verbs: Vec<_> = definition.resources[0].methods.iter().map(|method| method.verb).collect();
    assert_eq!(verbs, [Verb::Get, Verb::Any]);
}

#[test]
fn stage_variables_and_pseudo_parameters_are_told_apart() {
    let definition = corpus!("013-smithy-openapi-substitution-not-performed.json");
    let integration = &method(&definition, "/bar", Verb::Post).integration;
    let ConnectionType::VpcLink(link) = &integration.connection else { panic!("{integration:?}") };
    assert_eq!(link.stage_variables().collect::<Vec<_>>(), ["vpcLinkId"]);
    assert_eq!(integration.integration_target.as_ref().unwrap().as_str(), "${stageVariables.targetArn}");

    let region: Region = "eu-west-1".parse().unwrap();
    let account_id: AccountId = "000000000042".parse().unwrap();
    let id: RestApiId = "b1".parse().unwrap();
    let api = ApiIdentity { partition: Partition::Aws, region: &region, account_id: &account_id, id: &id };
    let options = ImportOptions { api: Some(api), ..ImportOptions::default() };
    let definition = imported(include_str!("corpus/dev/055-serverless-pattern-src-api.yaml"), &options);
    assert_eq!(
        definition.resources[0].methods[0].integration.uri.as_ref().unwrap().as_str(),
        "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/\
         arn:aws:lambda:eu-west-1:000000000042:function:LambdaFunctionName/invocations"
    );
}

#[test]
fn authorizers_say_where_the_identity_stands() {
    let definition = corpus!("028-localstack-files-swagger.json");
    let authorizer = &definition.authorizers["myapi-authorizer-0"];
    assert_eq!(authorizer.identity_sources, [IdentitySource::QueryString("auth".into())]);
    assert_eq!(authorizer.result_ttl_seconds, 300);
    let AuthorizerKind::Request(function) = &authorizer.kind else { panic!("{authorizer:?}") };
    assert!(function.uri.as_str().ends_with("function:myapi-authorizer-0-22ad13b/invocations"));
    assert!(function.credentials.is_some());
    let authorization = &method(&definition, "/test", Verb::Get).authorization;
    assert_eq!(*authorization, AuthorizationType::Custom("myapi-authorizer-0".into()));

    // AU-33: the header of a token is the scheme's name; a second scheme asks for a key.
    let definition = corpus!("015-localstack-files-openapi-spec-pulumi.json");
    assert_eq!(
        definition.authorizers["Auth0"].identity_sources,
        [IdentitySource::Header("Authorization".into())]
    );
    let just_do_it = method(&definition, "/just_do_it", Verb::Get);
    assert_eq!(just_do_it.authorization, AuthorizationType::Custom("Auth0".into()));
    assert!(just_do_it.api_key_required);
    let options = method(&definition, "/{proxy+}", Verb::Options);
    assert_eq!((&options.authorization, options.api_key_required), (&AuthorizationType::None, true));
    assert!(definition.binary_media_types[0].matches("a/b"));
}

#[test]
fn auth_wins_over_security() {
    let definition = corpus!("032-aws-apigateway-imp-swagger-apigateway.json");
    let products = method(&definition, "/products", Verb::Get);
    assert_eq!((&products.authorization, products.api_key_required), (&AuthorizationType::AwsIam, true));
    let child = method(&definition, "/products/child", Verb::Post);
    assert_eq!((&child.authorization, child.api_key_required), (&AuthorizationType::None, true));
    let patterns: Vec<_> =
        child.integration.responses.iter().map(|response| response.selection_pattern.as_ref()).collect();
    assert!(
        matches!(patterns.as_slice(), [Some(pattern), None] if pattern.matches("204") && !pattern.matches("404"))
    );
}

#[test]
fn scopes_are_kept_for_the_authorizer_that_reads_them() {
    let definition = imported(
        "openapi: 3.0.1\ninfo: {title: a}\npaths: {/a: {get: {security: [{pool: [a/read, a/write]}], \
         x-amazon-apigateway-integration: {type: http_proxy, uri: 'http://a'}}}}\n\
         components: {securitySchemes: {pool: {type: apiKey, name: Authorization, in: header, \
         x-amazon-apigateway-authorizer: {type: COGNITO_USER_POOLS, providerARNs: ['arn:aws:cognito-idp:r:1:userpool/p']}}}}\n",
        &ImportOptions::default(),
    );
    let AuthorizationType::CognitoUserPools { authorizer, scopes } =
        &definition.resources[0].methods[0].authorization
    else {
        panic!("{definition:?}")
    };
    assert_eq!((&**authorizer, scopes.len()), ("pool", 2));
}

#[test]
fn gateway_responses_have_headers_and_templates() {
    let definition = corpus!("016-smithy-openapi-cors-with-custom-gateway-response-headers-openapi.json");
    let denied = &definition.gateway_responses[&GatewayResponseType::AccessDenied];
    assert_eq!(denied.status, Some(403));
    assert_eq!(denied.headers[1], ("Foo".into(), GatewayResponseSource::Literal("baz".into())));
    let definition = corpus!("015-localstack-files-openapi-spec-pulumi.json");
    let expired = &definition.gateway_responses[&GatewayResponseType::ExpiredToken];
    assert_eq!(&*expired.templates[0].0, "application/json");
    assert_eq!(expired.templates[0].1.variables().count(), 1);
}

#[test]
fn models_may_refer_to_each_other_in_circles() {
    let definition = corpus!("109-localstack-files-openapi-spec-circular-ref-with-request-body.json");
    let method = method(&definition, "/person", Verb::Post);
    let validator = method.request_validator.unwrap();
    assert!(validator.body && validator.parameters);
    let person = &method.request_models[0].schema;
    let house =
        serde_json_value(r#"{"name": "a", "b": 1, "house": {"contains": [{"name": "b", "b": "c"}]}}"#);
    assert!(!person.is_valid(&house));
    assert!(person.is_valid(&serde_json_value(r#"{"name": "a", "b": 1}"#)));
    assert_eq!(definition.models.keys().map(|name| &**name).collect::<Vec<_>>(), ["Person"]);
}

#[test]
fn sd5_nullable_is_the_type_or_null() {
    let definition = imported(
        "openapi: 3.0.1\ninfo: {title: a}\npaths: {/a: {post: {requestBody: {content: {application/JSON; charset=utf-8: \
         {schema: {type: object, properties: {a: {type: string, nullable: true, default: 1}}}}}}, \
         x-amazon-apigateway-integration: {type: http_proxy, uri: 'http://a'}}}}\n",
        &ImportOptions::default(),
    );
    let model = &definition.resources[0].methods[0].request_models[0];
    assert_eq!(&*model.media_type, "application/json");
    assert!(model.schema.is_valid(&serde_json_value(r#"{"a": null}"#)));
    assert!(!model.schema.is_valid(&serde_json_value(r#"{"a": 1}"#)));
}

#[test]
fn references_are_followed_wherever_they_stand() {
    let definition = imported(
        "openapi: 3.0.1\ninfo: {title: a}\npaths:\n  /a/{id}:\n    parameters:\n      - $ref: '#/components/parameters/id'\n      \
         - {name: b, in: query, required: true}\n    post:\n      parameters: [{name: b, in: query}]\n      \
         requestBody: {$ref: '#/components/requestBodies/body'}\n      responses: {200: {$ref: '#/components/responses/ok'}}\n      \
         x-amazon-apigateway-integration: {$ref: '#/components/x-amazon-apigateway-integrations/back'}\n  \
         /b: {$ref: '#/paths/~1a~1%7Bid%7D'}\n\
         components:\n  parameters:\n    id: {$ref: '#/components/parameters/realId'}\n    realId: {name: id, in: path, required: true}\n  \
         requestBodies: {body: {content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}}\n  \
         responses: {ok: {description: ok, headers: {X-A: {}}}}\n  schemas: {A: {type: string}}\n  \
         x-amazon-apigateway-integrations: {back: {type: http_proxy, uri: 'http://a'}}\n",
        &ImportOptions::default(),
    );
    let method = method(&definition, "/a/{id}", Verb::Post);
    let parameters: Vec<_> =
        method.request_parameters.iter().map(|parameter| (&*parameter.name, parameter.required)).collect();
    assert_eq!(parameters, [("id", true), ("b", false)]);
    assert_eq!(method.responses[0].headers, ["X-A".into()]);
    assert_eq!(method.request_models.len(), 1);
    assert_eq!(paths(&definition), ["/a/{id}", "/b"]);
}

#[test]
fn rp21_short_resources_stand_for_this_api_and_foreign_ids_are_rewritten() {
    let text = |resource: &str| {
        format!(
            "openapi: 3.0.1\ninfo: {{title: a}}\npaths: {{/a: {{get: {{x-amazon-apigateway-integration: \
             {{type: http_proxy, uri: 'http://a'}}}}}}}}\nx-amazon-apigateway-policy: {{Version: '2012-10-17', \
             Statement: [{{Effect: Allow, Principal: '*', Action: 'execute-api:Invoke', Resource: '{resource}'}}]}}\n"
        )
    };
    let region: Region = "us-east-1".parse().unwrap();
    let account_id: AccountId = "123456789012".parse().unwrap();
    let id: RestApiId = "b1".parse().unwrap();
    let api = ApiIdentity { partition: Partition::Aws, region: &region, account_id: &account_id, id: &id };
    let options = ImportOptions { api: Some(api), ..ImportOptions::default() };
    let foreign = "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:old1/*";
    for resource in ["execute-api:/*", foreign] {
        assert_eq!(imported(&text(resource), &options).policy.unwrap().statements().len(), 1, "{resource}");
    }
    let kept = ImportOptions { rewrite_policy_api_id: false, ..options };
    let problems = import("a", &text(foreign), &kept).problems;
    let told: Vec<_> = problems.errors().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "a:4:1: no statement of the policy can ever match a request to this API: `rewritePolicyApiId: true` reads the \
          API id of an exported policy as this one's"
        ]
    );
}

#[test]
fn the_revision_changes_with_the_text_alone() {
    let text = include_str!("corpus/dev/110-localstack-files-pets.json");
    let first = imported(text, &ImportOptions::default()).revision;
    assert_eq!(imported(text, &ImportOptions::default()).revision, first);
    assert_ne!(imported(&text.replace("pets", "cats"), &ImportOptions::default()).revision, first);
    assert_eq!(first.len(), 16);
}

/// Near the limit of size, with references from everywhere: what is not linear here would not end.
#[test]
fn a_large_definition_is_imported() {
    const COUNT: usize = 6_000;
    let mut paths = String::new();
    let mut schemas = String::new();
    for index in 0..COUNT {
        let comma = if index == 0 { "" } else { "," };
        write!(
            paths,
            "{comma}\"/r{index}/{{id}}\": {{\"post\": {{\"parameters\": [{{\"$ref\": \"#/components/parameters/id\"}}], \
             \"requestBody\": {{\"content\": {{\"application/json\": {{\"schema\": {{\"$ref\": \
             \"#/components/schemas/S{index}\"}}}}}}}}, \"x-amazon-apigateway-integration\": {{\"type\": \"http_proxy\", \
             \"uri\": \"http://a/{{id}}\", \"requestParameters\": {{\"integration.request.path.id\": \
             \"method.request.path.id\"}}}}}}}}"
        )
        .unwrap();
        write!(schemas, "{comma}\"S{index}\": {{\"type\": \"object\", \"required\": [\"a{index}\"]}}")
            .unwrap();
    }
    let text = format!(
        "{{\"openapi\": \"3.0.1\", \"info\": {{\"title\": \"a\"}}, \"paths\": {{{paths}}}, \"components\": {{\"parameters\": \
         {{\"id\": {{\"name\": \"id\", \"in\": \"path\", \"required\": true}}}}, \"schemas\": {{{schemas}}}}}}}"
    );
    let imported = import("a.json", &text, &ImportOptions::default());
    assert_eq!(
        imported.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["a.json:1:46: warning: 12001 resources: the service allows an API 300 where nothing else is agreed"]
    );
    let definition = imported.definition.unwrap();
    assert_eq!((definition.resources.len(), definition.models.len()), (COUNT, COUNT));
}

fn serde_json_value(text: &str) -> serde_json::Value {
    text.parse().unwrap()
}
