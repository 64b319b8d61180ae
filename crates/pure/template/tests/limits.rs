//! Every limit, at the limit and one past it; and what a hostile template or body cannot do.
//! Class `template` of the hardening page.

#![cfg(test)]

use postern_template::{
    CaseFailure, FailureReason, Json, JsonPath, Limits, TEMPLATE_BYTES_MAX, TEMPLATE_DEPTH_MAX,
    TEMPLATE_LOOP_MAX, TEMPLATE_OUTPUT_BYTES_MAX, TEMPLATE_STEPS_MAX, Template, run_case,
};

fn run_with_body(template: &str, body: &str, limits: &Limits) -> Result<String, CaseFailure> {
    let case = serde_json::json!({ "body": body }).to_string();
    run_case(template, &case, limits).map(|output| output.text)
}

fn run(template: &str, limits: &Limits) -> Result<String, CaseFailure> {
    run_with_body(template, "{}", limits)
}

/// Why a rendering failed.
fn reason(result: Result<String, CaseFailure>) -> FailureReason {
    match result {
        Err(CaseFailure::Rendering(failure)) => failure.reason,
        other => panic!("expected a failed rendering, got {other:?}"),
    }
}

#[test]
fn the_defaults_are_those_of_the_hardening_page() {
    let limits = Limits::default();
    assert_eq!(limits.template_bytes, TEMPLATE_BYTES_MAX);
    assert_eq!((TEMPLATE_BYTES_MAX, TEMPLATE_OUTPUT_BYTES_MAX), (300 * 1024, 10 * 1024 * 1024));
    assert_eq!((TEMPLATE_LOOP_MAX, TEMPLATE_STEPS_MAX, TEMPLATE_DEPTH_MAX), (1_000, 1_000_000, 20));
}

#[test]
fn template_bytes() {
    let limits = Limits::default();
    assert!(Template::parse(&"x".repeat(TEMPLATE_BYTES_MAX), &limits).is_ok());
    let problem = Template::parse(&"x".repeat(TEMPLATE_BYTES_MAX + 1), &limits).map(drop).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "line 1, column 1: the template has 307201 bytes: at most 307200 are allowed"
    );
}

#[test]
fn output_bytes() {
    let limits = Limits { output_bytes: 10, ..Limits::default() };
    assert_eq!(run("0123456789", &limits).unwrap(), "0123456789");
    assert_eq!(reason(run("0123456789x", &limits)), FailureReason::OutputTooLarge);
    assert_eq!(reason(run("#foreach($i in [1..11])x#end", &limits)), FailureReason::OutputTooLarge);
    assert_eq!(reason(run("#set($l = ['aaaa', 'bbbb'])$l", &limits)), FailureReason::OutputTooLarge);
}

#[test]
fn texts_inside_are_bounded_as_the_output_is() {
    let limits = Limits { output_bytes: 100, ..Limits::default() };
    let double = |times: usize| format!("#set($s = 'x'){}$s.length()", "#set($s = \"$s$s\")".repeat(times));
    assert_eq!(run(&double(6), &limits).unwrap(), "64");
    assert_eq!(reason(run(&double(7), &limits)), FailureReason::OutputTooLarge);
    let grow = |template: &str| reason(run(&format!("#set($s = '{}'){template}", "x".repeat(50)), &limits));
    assert_eq!(grow("$s.replace('x', 'yyy')"), FailureReason::OutputTooLarge);
    assert_eq!(grow("$s.replaceAll('x', 'yyy')"), FailureReason::OutputTooLarge);
    assert_eq!(grow("$s.concat($s).concat('x')"), FailureReason::OutputTooLarge);
    assert_eq!(grow("#set($t = $s + $s + 'x')"), FailureReason::OutputTooLarge);
}

#[test]
fn loop_iterations() {
    let limits = Limits::default();
    assert_eq!(run("#foreach($i in [1..1000])x#end", &limits).unwrap().len(), 1_000);
    assert_eq!(reason(run("#foreach($i in [1..1001])x#end", &limits)), FailureReason::LoopTooLong);
    assert_eq!(run("#foreach($i in [1..9999])#if($i == 1000)#break#end#end ok", &limits).unwrap(), " ok");
    // A list that grows under the loop.
    let grows = "#set($l = [1])#foreach($i in $l)$l.add(1)#end";
    assert_eq!(reason(run(grows, &limits)), FailureReason::LoopTooLong);
}

#[test]
fn steps() {
    // Three pieces of text and two references are five steps.
    let template = "a${x}b${y}c";
    let limits = |steps| Limits { steps, ..Limits::default() };
    assert_eq!(run(template, &limits(5)).unwrap(), "abc");
    assert_eq!(reason(run(template, &limits(4))), FailureReason::TooManySteps);
    let nested = "#foreach($a in [1..1000])#foreach($b in [1..1000])#foreach($c in [1..1000])#end#end#end";
    assert_eq!(reason(run(nested, &Limits::default())), FailureReason::TooManySteps);
}

#[test]
fn depth_of_blocks_at_load() {
    let nested = |depth: usize| format!("{}x{}", "#if(true)".repeat(depth), "#end".repeat(depth));
    assert_eq!(run(&nested(20), &Limits::default()).unwrap(), "x");
    let problem = Template::parse(&nested(21), &Limits::default()).map(drop).unwrap_err();
    assert_eq!(problem.to_string(), "line 1, column 181: blocks are nested more deeply than is allowed");
    assert!(Template::parse(&"#if(true)".repeat(30_000), &Limits::default()).is_err());
    assert!(Template::parse(&"#foreach($x in $y)".repeat(15_000), &Limits::default()).is_err());
}

#[test]
fn depth_of_blocks_that_call_each_other() {
    let chain = |length: usize| {
        let mut template = "#define($b0)x#end".to_owned();
        for number in 1..length {
            template.push_str(&format!("#define($b{number})$b{}#end", number - 1));
        }
        template + &format!("$b{}", length - 1)
    };
    assert_eq!(run(&chain(20), &Limits::default()).unwrap(), "x");
    assert_eq!(reason(run(&chain(21), &Limits::default())), FailureReason::TooDeep);
    assert_eq!(reason(run("#define($b)$b#end$b", &Limits::default())), FailureReason::TooDeep);
    assert_eq!(
        reason(run("#define($b)#set($x = \"$b!\")#end$b", &Limits::default())),
        FailureReason::TooDeep
    );
}

#[test]
fn depth_of_expressions() {
    let parentheses = |depth: usize| format!("#set($x = {}1{})$x", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(run(&parentheses(63), &Limits::default()).unwrap(), "1");
    let problem = Template::parse(&parentheses(64), &Limits::default()).map(drop).unwrap_err();
    assert_eq!(problem.message, "the expression is nested too deeply");
    let opened = [
        "(",
        "[",
        "!",
        "{'a':",
        "$a.b(",
        "$a[$a[",
        "$a[",
        "[1,",
        "{[",
        "!(",
        "\"$a.b(",
        "$a.b('x', ",
        "not ",
    ];
    for part in opened {
        let template = format!("#set($x = {}", part.repeat(60_000 / part.len()));
        assert!(Template::parse(&template, &Limits::default()).is_err(), "{part}");
    }
    // A long expression is not a deep one.
    let sum = format!("#set($x = 0{})$x", " + 1".repeat(50_000));
    assert_eq!(run(&sum, &Limits::default()).unwrap(), "50000");
    let any = format!("#if(false{})x#end", " || $a == 1".repeat(20_000));
    assert_eq!(run(&any, &Limits::default()).unwrap(), "");
    let all = format!("$a{}", ".b".repeat(100_000));
    assert_eq!(run(&all, &Limits::default()).unwrap(), "");
}

#[test]
fn the_deepest_templates_fit_a_small_stack() {
    let deepest = format!(
        "{}#set($x = {}1{})$x{}",
        "#foreach($i in [1..1])".repeat(20),
        "[".repeat(60),
        "]".repeat(60),
        "#end".repeat(20)
    );
    let calls = format!(
        "#set($x = {{}})#define($b)#set($y = {}\"$b!\"{})#end$b",
        "$x.get(".repeat(50),
        ")".repeat(50)
    );
    let operations = format!("#define($b)#set($y = {}\"$b!\"{})#end$b", "(1 + ".repeat(50), ")".repeat(50));
    let json = format!("{}1{}", "[".repeat(64), "]".repeat(64));
    let small = std::thread::Builder::new().stack_size(1024 * 1024);
    let thread = small.spawn(move || {
        let limits = Limits::default();
        assert!(run(&deepest, &limits).is_ok());
        assert_eq!(reason(run(&calls, &limits)), FailureReason::TooDeep);
        assert_eq!(reason(run(&operations, &limits)), FailureReason::TooDeep);
        assert!(run_with_body("$input.json('$')$input.path('$')$input.json('$..*')", &json, &limits).is_ok());
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn values_that_hold_themselves() {
    let limits = Limits::default();
    assert_eq!(reason(run("#set($l = [])$l.add($l)$l", &limits)), FailureReason::TooDeep);
    assert_eq!(reason(run("#set($m = {})#set($m.self = $m)$m", &limits)), FailureReason::TooDeep);
    assert_eq!(
        reason(run("#set($l = [])#set($k = [])$l.add($l)$k.add($k)#if($l == $k)#end", &limits)),
        FailureReason::TooDeep
    );
    // Deep, but never printed: dropping it costs no stack.
    let deep =
        "#set($l = [])#foreach($a in [1..1000])#foreach($b in [1..50])#set($l = [$l])#end#end$l.size()";
    assert_eq!(run(deep, &limits).unwrap(), "1");
    // Wide by sharing: each level holds the one below twice.
    let wide = format!("#set($l = 'x'){}$l", "#set($l = [$l, $l])".repeat(60));
    assert_eq!(reason(run(&wide, &limits)), FailureReason::OutputTooLarge);
    let compared = format!(
        "#set($l = 'x')#set($k = 'x'){}#if($l == $k)#end",
        "#set($l = [$l, $l])#set($k = [$k, $k])".repeat(60)
    );
    assert_eq!(reason(run(&compared, &limits)), FailureReason::TooManySteps);
}

#[test]
fn work_that_grows_with_data_costs_steps() {
    let limits = Limits { output_bytes: 200_000_000, ..Limits::default() };
    let large = "#set($s = 'x')#foreach($i in [1..20])#set($s = \"$s$s\")#end";
    let list = "#set($l = [1..100000])";
    let templates = [
        format!("{large}#foreach($i in [1..1000])#set($t = \"$s!\")#end"),
        format!("{large}#foreach($i in [1..1000])#set($t = $s.toUpperCase())#end"),
        format!("{large}#foreach($i in [1..1000])#if($s.contains('y'))#end#end"),
        format!("{large}#foreach($i in [1..1000])#if($s.matches('y*'))#end#end"),
        format!("{large}#set($t = \"$s!\")#foreach($i in [1..1000])#if($s == $t.substring(1))#end#end"),
        format!("{list}#foreach($i in [1..1000])#if($l.contains(0))#end#end"),
        format!("{list}#foreach($i in [1..1000])$l.addAll($l)#end"),
        format!("{list}#foreach($i in [1..1000])#set($k = $l.subList(0, 100000))#end"),
        "#foreach($i in [1..1000])#set($r = [1..1000000])#end".to_owned(),
        "#foreach($i in [1..1000])#set($p = \"a$i\")#if('x'.length() == 1)#end$p.matches($p)#end"
            .replace("'x'", "$p"),
        "#foreach($i in [1..1000])#set($v = $util.parseJson($input.body))#end".to_owned(),
        "#foreach($i in [1..1000])#set($v = $input.path('$..*'))#end".to_owned(),
        "#foreach($i in [1..1000])#set($r = $input.path('$'))#set($r[0] = 1)#end".to_owned(),
        "#foreach($i in [1..1000])$util.base64Encode($input.body).length()#end".to_owned(),
    ];
    let body = format!("[{}0]", "0,".repeat(50_000));
    for template in templates {
        let result = run_with_body(&template, &body, &limits);
        assert_eq!(reason(result), FailureReason::TooManySteps, "{template}");
    }
}

#[test]
fn json_depth_and_size() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Json::parse(&nested(64)).is_ok());
    assert!(Json::parse(&nested(65)).is_err());
    assert!(Json::parse(&"[".repeat(5_000_000)).is_err());
    let values = |count: usize| format!("[{}0]", "0,".repeat(count - 2));
    assert!(Json::parse(&values(1_000_000)).is_ok());
    assert!(Json::parse(&values(1_000_001)).is_err());
    let limits = Limits::default();
    assert_eq!(run_with_body("$input.path('$').size()", &values(1_000_000), &limits).unwrap(), "999999");
    for body in [values(1_000_001), nested(65)] {
        assert_eq!(reason(run_with_body("$input.json('$')", &body, &limits)), FailureReason::JsonTooLarge);
        assert_eq!(
            reason(run_with_body("$util.parseJson($input.body)", &body, &limits)),
            FailureReason::JsonTooLarge
        );
    }
}

#[test]
fn many_keys_and_equal_keys() {
    let keys: Vec<_> = (0..50_000).map(|number| format!("\"key{number}\": {number}")).collect();
    let body = format!("{{{}, \"key7\": \"last\"}}", keys.join(","));
    let template =
        "#set($r = $input.path('$'))$r.key49999 $r.key7 $r.size() $r.remove('key7') <$r.key7> $r.key8";
    assert_eq!(run_with_body(template, &body, &Limits::default()).unwrap(), "49999 last 50000 last <> 8");
}

#[test]
fn paths_that_multiply() {
    let body = format!("{}1{}", "{\"a\":[".repeat(30), "]}".repeat(30));
    let path = format!("${}", "..*".repeat(20));
    assert!(JsonPath::parse(&path).unwrap().text_in(&Json::parse(&body).unwrap()).is_none());
    assert!(JsonPath::parse(&format!("${}", "[?(@)]".repeat(101))).is_err());
    assert!(JsonPath::parse(&format!("$[?({}", "(".repeat(100_000))).is_err());
    assert!(JsonPath::parse(&format!("$[?({}", "@[?(".repeat(100_000))).is_err());
    assert!(JsonPath::parse(&format!("$[?(@ in {}", "[".repeat(100_000))).is_err());
}

#[test]
fn patterns_cannot_blow_up() {
    let text = "a".repeat(50_000);
    let template = format!("#set($s = '{text}')$s.matches('(a|aa|a?)*b') $s.replaceAll('(a*)*$', 'x')");
    assert_eq!(run(&template, &Limits::default()).unwrap(), "false xx");
    let problem =
        Template::parse("$x.matches('(((a{100}){100}){100})')", &Limits::default()).map(drop).unwrap_err();
    assert!(problem.message.contains("not supported"), "{problem}");
}
