//! No setting that does nothing: every key that `postern.yaml` may hold, and the end-to-end test that
//! changes its value and sees the behaviour change.

#![cfg(test)]

use std::{collections::BTreeSet, fs};

use postern_config::key_paths;
use postern_testing::repository_root;

/// Key, and the test as `file::function` under `tests/end_to_end`.
const SETTINGS: &[(&str, &str)] = &[
    ("region", "settings::the_region_is_part_of_host_names"),
    ("accountId", "settings::the_account_stands_in_arns"),
    ("dnsSuffix", "settings::the_dns_suffix_is_what_host_names_end_with"),
    ("stateDirectory", "keys_and_rates::quotas_outlive_the_process"),
    ("quotaFlushSeconds", "keys_and_rates::a_crash_loses_no_more_than_the_time_between_two_flushes"),
    ("vpcEndpoints[].vpcEndpointId", "settings::a_connection_has_the_endpoint_and_the_vpc_of_its_listener"),
    ("vpcEndpoints[].vpcId", "settings::a_connection_has_the_endpoint_and_the_vpc_of_its_listener"),
    ("vpcEndpoints[].listeners[].address", "life::listeners_come_and_go_with_the_configuration"),
    ("vpcEndpoints[].tls[].certificateFile", "settings::a_listener_shows_its_certificate"),
    ("vpcEndpoints[].tls[].privateKeyFile", "settings::a_listener_shows_its_certificate"),
    ("vpcEndpoints[].http2", "settings::http_2_is_served_where_the_listener_says_so"),
    (
        "vpcEndpoints[].proxyProtocol.trustedSources",
        "proxy_protocol::pa_51_only_trusted_sources_are_believed",
    ),
    (
        "vpcEndpoints[].proxyProtocol.vpcIds",
        "proxy_protocol::a_reload_holds_for_new_connections_at_once_and_changes_nobody",
    ),
    (
        "vpcEndpoints[].networkAcl[].ruleNumber",
        "doors::the_first_rule_of_a_network_acl_that_speaks_of_a_peer_decides",
    ),
    (
        "vpcEndpoints[].networkAcl[].cidr",
        "doors::the_first_rule_of_a_network_acl_that_speaks_of_a_peer_decides",
    ),
    (
        "vpcEndpoints[].networkAcl[].ruleAction",
        "doors::the_first_rule_of_a_network_acl_that_speaks_of_a_peer_decides",
    ),
    ("vpcEndpoints[].securityGroup.ingress[].cidr", "doors::a_security_group_lets_in_whom_it_names"),
    ("vpcEndpoints[].policyFile", "policies::rp_96_an_endpoint_policy_must_allow"),
    ("vpcEndpoints[].privateDnsEnabled", "settings::private_dns_decides_which_records_are_printed"),
    ("vpcEndpoints[].trustXForwardedFor", "settings::a_trusted_x_forwarded_for_stays_before_ours"),
    ("publicListeners[].listeners[].address", "settings::the_type_of_an_endpoint_decides_the_door"),
    ("publicListeners[].tls[].certificateFile", "settings::a_listener_shows_its_certificate"),
    ("publicListeners[].tls[].privateKeyFile", "settings::a_listener_shows_its_certificate"),
    ("publicListeners[].http2", "settings::http_2_is_served_where_the_listener_says_so"),
    (
        "publicListeners[].proxyProtocol.trustedSources",
        "proxy_protocol::public_listeners_may_stand_behind_a_load_balancer",
    ),
    ("publicListeners[].networkAcl[].ruleNumber", "doors::public_listeners_have_network_layers_too"),
    ("publicListeners[].networkAcl[].cidr", "doors::public_listeners_have_network_layers_too"),
    ("publicListeners[].networkAcl[].ruleAction", "doors::public_listeners_have_network_layers_too"),
    ("publicListeners[].securityGroup.ingress[].cidr", "doors::public_listeners_have_network_layers_too"),
    (
        "publicListeners[].trustXForwardedFor",
        "doors::pa_68_a_trusted_list_stays_before_our_element_and_decides_nothing",
    ),
    ("restApis[].id", "settings::an_api_has_its_id_definition_stages_and_policy"),
    ("restApis[].definition", "settings::an_api_has_its_id_definition_stages_and_policy"),
    ("restApis[].endpointConfiguration.types", "settings::the_type_of_an_endpoint_decides_the_door"),
    (
        "restApis[].endpointConfiguration.vpcEndpointIds",
        "settings::the_endpoints_that_an_api_lists_give_it_host_names",
    ),
    ("restApis[].policyFile", "settings::an_api_has_its_id_definition_stages_and_policy"),
    ("restApis[].disableExecuteApiEndpoint", "settings::the_default_endpoint_can_be_disabled"),
    ("restApis[].basePath", "settings::the_base_path_of_a_definition_is_ignored_prepended_or_split"),
    ("restApis[].rootSecurity", "settings::security_at_the_root_holds_for_methods_or_is_ignored"),
    ("restApis[].rewritePolicyApiId", "settings::an_exported_policy_is_read_as_this_apis"),
    ("restApis[].strict", "settings::what_would_always_fail_is_refused_or_only_warned_about"),
    ("restApis[].stages[].stageName", "settings::an_api_has_its_id_definition_stages_and_policy"),
    ("restApis[].stages[].variables", "settings::stage_variables_are_read_by_templates"),
    (
        "restApis[].stages[].methodSettings{}.throttlingRateLimit",
        "settings::method_settings_are_for_all_methods_or_for_one",
    ),
    (
        "restApis[].stages[].methodSettings{}.throttlingBurstLimit",
        "settings::method_settings_are_for_all_methods_or_for_one",
    ),
    ("domainNames[].domainName", "settings::a_domain_name_has_a_type_associations_and_mappings"),
    ("domainNames[].endpointConfiguration.types", "settings::a_public_domain_name_is_seen_publicly"),
    ("domainNames[].accessAssociations", "settings::a_domain_name_has_a_type_associations_and_mappings"),
    ("domainNames[].domainNameId", "policies::the_id_of_a_domain_name_stands_in_its_arn"),
    ("domainNames[].policyFile", "policies::pa_105_policies_are_asked_in_their_order"),
    (
        "domainNames[].securityPolicy",
        "security_policies::a_policy_decides_which_versions_and_suites_are_spoken",
    ),
    (
        "domainNames[].endpointAccessMode",
        "security_policies::pa_86_strict_names_are_served_publicly_and_by_their_own_server_name_alone",
    ),
    (
        "domainNames[].mutualTlsAuthentication.truststoreFile",
        "mutual_tls::pa_164_a_certificate_that_is_not_good_is_answered_403_and_told_in_the_log",
    ),
    ("domainNames[].routingMode", "domain_names::pa_142_the_mode_says_who_is_asked"),
    (
        "domainNames[].routingRules[].priority",
        "domain_names::pa_140_the_lowest_priority_that_matches_decides",
    ),
    (
        "domainNames[].routingRules[].conditions[].matchBasePaths.anyOf",
        "domain_names::pa_146_and_147_base_path_conditions_end_at_segments_and_are_stripped_or_kept",
    ),
    (
        "domainNames[].routingRules[].conditions[].matchHeaders.anyOf[].header",
        "domain_names::pa_143_to_145_header_conditions_look_at_each_line",
    ),
    (
        "domainNames[].routingRules[].conditions[].matchHeaders.anyOf[].valueGlob",
        "domain_names::pa_143_to_145_header_conditions_look_at_each_line",
    ),
    (
        "domainNames[].routingRules[].actions[].invokeApi.apiId",
        "domain_names::pa_140_the_lowest_priority_that_matches_decides",
    ),
    (
        "domainNames[].routingRules[].actions[].invokeApi.stage",
        "domain_names::pa_140_the_lowest_priority_that_matches_decides",
    ),
    (
        "domainNames[].routingRules[].actions[].invokeApi.stripBasePath",
        "domain_names::pa_146_and_147_base_path_conditions_end_at_segments_and_are_stripped_or_kept",
    ),
    (
        "domainNames[].basePathMappings[].basePath",
        "settings::a_domain_name_has_a_type_associations_and_mappings",
    ),
    ("domainNames[].basePathMappings[].restApiId", "settings::a_mapping_leads_to_an_api_and_a_stage"),
    ("domainNames[].basePathMappings[].stage", "settings::a_mapping_leads_to_an_api_and_a_stage"),
    ("vpcLinks[].id", "settings::a_vpc_link_leads_to_its_targets"),
    ("vpcLinks[].name", "settings::the_name_of_a_vpc_link_is_shown_with_its_routes"),
    ("vpcLinks[].targets", "settings::a_vpc_link_leads_to_its_targets"),
    ("vpcLinks[].loadBalancingAlgorithm", "vpc_links::the_algorithm_decides_which_target_is_next"),
    ("vpcLinks[].slowStartSeconds", "vpc_links::a_target_that_comes_back_starts_slowly_where_it_says_so"),
    (
        "vpcLinks[].healthCheck.protocol",
        "vpc_links::a_health_check_speaks_its_protocol_and_asks_for_its_path",
    ),
    ("vpcLinks[].healthCheck.path", "vpc_links::a_health_check_speaks_its_protocol_and_asks_for_its_path"),
    ("vpcLinks[].healthCheck.intervalSeconds", "vpc_links::checks_come_in_their_interval"),
    ("vpcLinks[].healthCheck.timeoutSeconds", "vpc_links::a_check_has_its_time"),
    ("vpcLinks[].healthCheck.healthyThreshold", "vpc_links::as_many_checks_in_a_row_decide_as_it_says"),
    ("vpcLinks[].healthCheck.unhealthyThreshold", "vpc_links::as_many_checks_in_a_row_decide_as_it_says"),
    (
        "functions[].functionName",
        "functions::a_function_is_called_by_its_name_and_by_an_alias_in_a_stage_variable",
    ),
    ("functions[].process.command", "functions::a_start_that_fails_is_answered_502_at_once"),
    (
        "functions[].process.workingDirectory",
        "functions::a_process_sees_its_own_environment_and_nothing_of_the_gateways",
    ),
    (
        "functions[].process.environment",
        "functions::a_process_sees_its_own_environment_and_nothing_of_the_gateways",
    ),
    (
        "functions[].process.concurrency",
        "functions::a_process_is_used_again_and_more_are_started_up_to_the_limit",
    ),
    (
        "functions[].process.idleSeconds",
        "functions::a_process_that_is_idle_is_ended_and_another_started_when_it_is_needed",
    ),
    ("functions[].process.memoryMiB", "functions::memory_beyond_the_limit_is_refused_to_a_process"),
    (
        "functions[].timeoutSeconds",
        "functions::a_call_that_takes_too_long_is_answered_502_and_its_process_is_ended",
    ),
    ("functions[].invoke.endpoint", "function_calls::a_proxy_calls_invoke_with_its_event_and_says_who_calls"),
    ("functions[].invoke.signing", "function_calls::calls_are_signed_for_the_environment_or_for_a_role"),
    (
        "functions[].runtimeInterfaceEmulator.endpoint",
        "function_calls::an_emulator_is_called_at_its_one_path_and_its_errors_are_known_by_their_shape",
    ),
    ("credentials[].roleArn", "function_calls::calls_are_signed_for_the_environment_or_for_a_role"),
    ("credentials[].accessKeyId", "function_calls::calls_are_signed_for_the_environment_or_for_a_role"),
    (
        "credentials[].secretAccessKeyFile",
        "function_calls::calls_are_signed_for_the_environment_or_for_a_role",
    ),
    ("serviceEndpoints", "services::an_endpoint_is_where_the_operator_says_and_for_subdomains_too"),
    ("apiKeys[].name", "keys_and_rates::a_plan_names_its_keys"),
    ("apiKeys[].value", "keys_and_rates::a_key_can_be_given_by_value_file_variable_or_hash"),
    ("apiKeys[].valueFile", "keys_and_rates::a_key_can_be_given_by_value_file_variable_or_hash"),
    ("apiKeys[].valueEnv", "keys_and_rates::a_key_can_be_given_by_value_file_variable_or_hash"),
    ("apiKeys[].valueSha256", "keys_and_rates::a_key_can_be_given_by_value_file_variable_or_hash"),
    ("apiKeys[].enabled", "keys_and_rates::a_key_that_is_not_enabled_opens_nothing"),
    ("apiKeysFile", "keys_and_rates::keys_come_from_files_with_the_plans_that_they_name"),
    ("usagePlans[].name", "keys_and_rates::keys_come_from_files_with_the_plans_that_they_name"),
    ("usagePlans[].throttle.rateLimit", "keys_and_rates::a_bucket_fills_again_at_its_rate"),
    ("usagePlans[].throttle.burstLimit", "keys_and_rates::a_plan_throttles_each_of_its_keys"),
    ("usagePlans[].quota.limit", "keys_and_rates::a_quota_ends_what_a_key_may_use_in_a_period"),
    ("usagePlans[].quota.period", "keys_and_rates::the_period_of_a_quota_is_shown_with_what_is_left"),
    ("usagePlans[].quota.offset", "keys_and_rates::an_offset_makes_the_first_period_smaller"),
    ("usagePlans[].apiStages[].apiId", "keys_and_rates::a_key_opens_the_stages_of_its_plan"),
    ("usagePlans[].apiStages[].stage", "keys_and_rates::a_key_opens_the_stages_of_its_plan"),
    (
        "usagePlans[].apiStages[].throttle{}.rateLimit",
        "keys_and_rates::a_plan_throttles_a_method_in_place_of_the_whole",
    ),
    (
        "usagePlans[].apiStages[].throttle{}.burstLimit",
        "keys_and_rates::a_plan_throttles_a_method_in_place_of_the_whole",
    ),
    ("usagePlans[].apiKeys", "keys_and_rates::a_plan_names_its_keys"),
    ("principals[].arn", "callers::what_is_known_of_a_principal_stands_in_conditions"),
    ("principals[].accessKeyId", "callers::au_80_to_au_83_callers_that_are_not_known_are_answered"),
    ("principals[].secretAccessKey", "callers::secrets_are_given_in_place_in_a_file_or_in_a_variable"),
    ("principals[].secretAccessKeyFile", "callers::secrets_are_given_in_place_in_a_file_or_in_a_variable"),
    ("principals[].secretAccessKeyEnv", "callers::secrets_are_given_in_place_in_a_file_or_in_a_variable"),
    ("principals[].sessionToken", "callers::secrets_are_given_in_place_in_a_file_or_in_a_variable"),
    ("principals[].sessionTokenFile", "callers::secrets_are_given_in_place_in_a_file_or_in_a_variable"),
    ("principals[].sessionTokenEnv", "callers::secrets_are_given_in_place_in_a_file_or_in_a_variable"),
    ("principals[].expiration", "callers::what_is_known_of_a_session_stands_in_conditions"),
    ("principals[].tokenIssueTime", "callers::what_is_known_of_a_session_stands_in_conditions"),
    ("principals[].multiFactorAuthTime", "callers::what_is_known_of_a_session_stands_in_conditions"),
    ("principals[].userId", "callers::what_is_known_of_a_principal_stands_in_conditions"),
    ("principals[].organizationId", "callers::what_is_known_of_a_principal_stands_in_conditions"),
    ("principals[].organizationPaths", "callers::what_is_known_of_a_principal_stands_in_conditions"),
    ("principals[].tags", "callers::what_is_known_of_a_principal_stands_in_conditions"),
    ("principals[].identityPolicyFile", "callers::an_identity_policy_is_the_callers_own"),
    ("accountThrottle.rateLimit", "keys_and_rates::the_account_throttles_all_apis_together"),
    ("accountThrottle.burstLimit", "keys_and_rates::the_account_throttles_all_apis_together"),
    (
        "accountThrottle.beforeAuthorization",
        "keys_and_rates::the_account_is_asked_before_or_after_authorization",
    ),
    ("requestStreaming", "settings::a_body_that_nobody_reads_passes_as_it_comes_or_is_collected_first"),
    ("hosts", "settings::hosts_lead_a_name_to_an_address"),
    ("workers", "settings::there_are_as_many_workers_as_asked_for"),
    ("metrics.apiKeys", "usage::refusals_are_counted_by_plan_and_for_so_many_keys_by_key"),
    ("admin.address", "settings::the_admin_listener_stands_where_it_is_put"),
    ("accessLog.destination", "settings::the_access_log_goes_where_it_is_sent"),
    ("accessLog.format", "operator::the_access_log_has_a_line_for_each_request_with_its_context"),
    ("limits.requestLineBytes", "limits::request_line_bytes"),
    ("limits.headBytes", "limits::head_bytes"),
    ("limits.rawHeadBytes", "limits::raw_head_bytes"),
    ("limits.headerFields", "limits::header_fields"),
    ("limits.headerNameBytes", "limits::header_name_bytes"),
    ("limits.pathSegments", "limits::path_segments"),
    ("limits.queryParameters", "limits::query_parameters"),
    ("limits.payloadBytes", "limits::payload_bytes_of_requests"),
    ("limits.methodArnBytes", "limits::method_arn_bytes"),
    ("limits.chunkExtensionBytes", "limits::chunk_extension_bytes"),
    ("limits.chunkExtensionTotalBytes", "limits::chunk_extension_bytes"),
    ("limits.connections", "limits::connections_beyond_the_limit_wait"),
    ("limits.connectionsPerListener", "limits::connections_beyond_the_limit_wait"),
    ("limits.connectionsPerPeer", "limits::connections_per_peer"),
    ("limits.acceptsPerSecond", "limits::accepts_per_second"),
    ("limits.firstByteSeconds", "limits::first_byte_seconds"),
    ("limits.headSeconds", "limits::head_seconds"),
    ("limits.bodyIdleSeconds", "limits::body_idle_seconds"),
    ("limits.bodyBytesPerSecond", "limits::body_bytes_per_second"),
    ("limits.requestSeconds", "limits::request_seconds"),
    ("limits.writeStallSeconds", "limits::write_stall_seconds"),
    ("limits.idleSeconds", "limits::idle_seconds"),
    ("limits.h2IdleSeconds", "http2_limits::an_idle_connection_is_told_to_go"),
    ("limits.requestsPerConnection", "limits::requests_per_connection"),
    ("limits.connectionAgeSeconds", "limits::connection_age_seconds"),
    ("limits.handshakeSeconds", "limits::handshake_seconds"),
    ("limits.handshakes", "limits::handshakes"),
    ("limits.proxyHeaderSeconds", "proxy_protocol::pa_56_a_header_has_its_time_and_its_size"),
    ("limits.proxyHeaderBytes", "proxy_protocol::pa_56_a_header_has_its_time_and_its_size"),
    ("limits.h2Streams", "http2_limits::streams_beyond_the_announced_number_are_refused"),
    ("limits.h2StreamWindow", "http2_limits::windows_and_sizes_are_announced"),
    ("limits.h2ConnectionWindow", "http2_limits::windows_and_sizes_are_announced"),
    ("limits.h2FrameBytes", "http2_limits::windows_and_sizes_are_announced"),
    ("limits.h2HeaderListBytes", "http2_limits::a_header_list_above_its_limit_is_431"),
    ("limits.h2ResetsPerSecond", "http2_limits::h2flood_resets_in_one_second_are_counted"),
    ("limits.h2ControlFrames", "http2_limits::h2flood_frames_that_carry_no_request_are_counted"),
    ("limits.h2ResetsPending", "http2_limits::rapid_resets_end_the_connection"),
    ("limits.requestsInFlight", "limits::requests_in_flight"),
    ("limits.backendConnections", "limits::backend_connections_and_calls_that_wait"),
    ("limits.backendPending", "limits::backend_connections_and_calls_that_wait"),
    ("limits.connectSeconds", "limits::connect_seconds"),
    ("limits.drainWaitSeconds", "life::it_is_not_ready_while_it_drains"),
    ("limits.drainSeconds", "limits::drain_seconds"),
    ("limits.authorizerSeconds", "authorizers::an_authorizer_has_its_seconds"),
    ("limits.templateBytes", "template_limits::template_bytes_are_counted_at_load"),
    ("limits.templateOutputBytes", "template_limits::template_output_is_counted"),
    ("limits.templateLoop", "template_limits::the_rounds_of_a_loop_are_counted"),
    ("limits.templateSteps", "template_limits::the_steps_of_a_rendering_are_counted"),
    ("limits.templateDepth", "template_limits::the_depth_of_a_template_is_counted"),
    ("compatibility.methodOverride", "settings::a_method_override_changes_the_method_or_is_left_alone"),
    ("compatibility.caseSensitiveHeaderNames", "settings::names_of_header_parameters_have_case_or_not"),
    (
        "compatibility.authorizerSilence",
        "authorizers::the_silence_of_an_authorizer_leaves_the_decision_to_the_resource_policy_or_refuses",
    ),
];

fn settings_of_the_reader() -> BTreeSet<String> {
    key_paths().into_iter().filter(|path| path.is_setting()).map(|path| path.path).collect()
}

#[test]
fn every_key_has_a_test_that_changes_it() {
    let listed: BTreeSet<&str> = SETTINGS.iter().map(|(key, _)| *key).collect();
    let missing: Vec<String> =
        settings_of_the_reader().into_iter().filter(|key| !listed.contains(key.as_str())).collect();
    assert!(
        missing.is_empty(),
        "the reader accepts keys without a test that changes them: write one, or refuse the key as not \
         supported yet:\n{}",
        missing.join("\n")
    );
}

#[test]
fn every_row_is_of_a_key_that_the_reader_accepts_and_stands_once() {
    let accepted = settings_of_the_reader();
    let mut seen = BTreeSet::new();
    for (key, _) in SETTINGS {
        assert!(accepted.contains(*key), "the reader does not know the setting `{key}`");
        assert!(seen.insert(key), "`{key}` has two rows");
    }
}

#[test]
fn every_row_names_a_test_that_there_is() {
    let folder = repository_root().join("crates/testing/tests/end_to_end");
    for (key, test) in SETTINGS {
        let (file, function) = test.split_once("::").expect("`file::function`");
        let text = fs::read_to_string(folder.join(file).with_extension("rs")).unwrap_or_default();
        assert!(text.contains(&format!("#[test]\nfn {function}()")), "`{key}`: there is no test `{test}`");
    }
}
