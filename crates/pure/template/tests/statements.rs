//! One row or more for each statement of the semantics page on mapping templates.

#![cfg(test)]

use postern_template::{CaseFailure, CaseOutput, Limits, OverrideValue, Template, run_case};

/// Renders `template` with the input of `case`, a JSON object.
fn run(template: &str, case: &str) -> Result<CaseOutput, CaseFailure> {
    run_case(template, case, &Limits::default())
}

fn rendered(template: &str, case: &str) -> String {
    match run(template, case) {
        Ok(output) => output.text,
        Err(failure) => failure.to_string(),
    }
}

/// Checks rows of template and text, all with the input of `case`.
fn check(case: &str, rows: &[(&str, &str)]) {
    for (template, expected) in rows {
        assert_eq!(rendered(template, case), *expected, "{template}");
    }
}

const NO_INPUT: &str = "{}";

#[test]
fn d1_an_undefined_reference_prints_nothing() {
    check(
        NO_INPUT,
        &[
            ("Hello $name", "Hello "),
            ("Hello $!name", "Hello "),
            ("Hello ${name}!", "Hello !"),
            ("Hello $!{name}!", "Hello !"),
            ("$a.b.c[1].d(2)|", "|"),
            ("#set($x = \"<$name>\")$x", "<>"),
            ("#set($m = {\"$key\": 1})$m", "{=1}"),
            ("$$name", "$"),
            ("#$name", "#"),
        ],
    );
}

#[test]
fn d2_only_false_is_false() {
    check(
        r#"{"body": "{\"nothing\": null, \"no\": false, \"yes\": true}"}"#,
        &[
            ("#if($undefined)yes#end", "yes"),
            ("#if($!undefined)yes#end", "yes"),
            ("#if(${a.b.c})yes#end", "yes"),
            ("#set($x = $input.path('$.nothing'))#if($x)yes#end", "yes"),
            ("#set($x = $input.path('$.nothing'))#if(!$x)yes#{else}no#end", "no"),
            ("#if($input.path('$.no'))yes#{else}no#end", "no"),
            ("#if($input.path('$.yes'))yes#{else}no#end", "yes"),
            ("#if(not $input.path('$.no'))yes#end", "yes"),
            ("#if($x != \"\")there#{else}not there#end", "not there"),
            ("#if(\"$x\" == \"\")not there#end", "not there"),
            ("#if($x == $null)not there#end", "not there"),
        ],
    );
}

#[test]
fn d3_empty_texts_zero_and_empty_lists_are_true() {
    check(
        NO_INPUT,
        &[
            ("#set($x = '')#if($x)yes#end", "yes"),
            ("#set($x = 0)#if($x)yes#end", "yes"),
            ("#set($x = [])#if($x)yes#end", "yes"),
            ("#set($x = {})#if($x)yes#end", "yes"),
            ("#set($x = 'false')#if($x)yes#end", "yes"),
            ("#if('false' || false)yes#end", "yes"),
        ],
    );
}

#[test]
fn d4_a_loop_over_what_is_no_collection_does_nothing() {
    check(
        r#"{"body": "{\"nothing\": null}"}"#,
        &[
            ("<#foreach($x in $undefined)x#end>", "<>"),
            ("<#foreach($x in $input.path('$.nothing'))x#end>", "<>"),
            ("#set($t = 'text')<#foreach($x in $t)x#end>", "<>"),
            ("<#foreach($x in 5)x#end>", "<>"),
            ("<#foreach($x in [$a..$b])x#end>", "<>"),
            ("<#foreach($x in [])x#end>", "<>"),
            ("<#foreach($x in {})x#end>", "<>"),
            ("#foreach($x in {'a': 1, 'b': 2})$x,#end", "1,2,"),
        ],
    );
}

#[test]
fn d5_what_a_loop_assigns_is_restored() {
    check(
        NO_INPUT,
        &[
            ("#foreach($i in [1, 2])$i#end|$i|$velocityCount|$foreach.index", "12|||"),
            ("#set($i = 'outer')#foreach($i in [1, 2])$i#set($i = 9)$i#end|$i", "1929|outer"),
            ("#set($sum = 0)#foreach($i in [1..4])#set($sum = $sum + $i)#end$sum", "10"),
            (
                "#foreach($i in ['a', 'b'])$foreach.index#foreach($i in ['c'])$i$velocityCount#end$i$velocityCount#end",
                "0c1a11c1b2",
            ),
            ("#foreach($x in [1..3])$foreach.first $foreach.last,#end", "true false,false false,false true,"),
            ("#foreach($x in [1..3])$x#if($velocityHasNext), #end#end", "1, 2, 3"),
            (
                "#foreach($a in [1..2])#foreach($b in [1..2])$foreach.parent.count$foreach.topmost.index #end#end",
                "10 10 21 21 ",
            ),
            ("#foreach($x in [1..5])#if($x == 3)#break#end$x#end|", "12|"),
            ("#foreach($x in [1..5])$x#if($x == 2)$foreach.stop()#end#end|", "12|"),
        ],
    );
}

#[test]
fn d6_equality_is_by_number_then_by_kind_then_by_text() {
    check(
        r#"{"body": "{\"one\": 1, \"oneAndAHalf\": 1.50, \"list\": [1, {\"a\": 2}]}"}"#,
        &[
            ("#if($input.path('$.one') == 1)yes#end", "yes"),
            ("#if($input.path('$.one') == 1.0)yes#end", "yes"),
            ("#if($input.path('$.oneAndAHalf') == 1.5)yes#end", "yes"),
            ("#if('1' == 1)yes#end", "yes"),
            ("#if('1.0' == 1)yes#{else}no#end", "no"),
            ("#if('true' == true)yes#end", "yes"),
            ("#if('a' == 'a' && 'a' != 'b')yes#end", "yes"),
            ("#if([1, 2] == [1, 2])yes#end", "yes"),
            ("#if([1, 2] == [1, 3])yes#{else}no#end", "no"),
            ("#if({'a': 1} == {'a': 1})yes#end", "yes"),
            ("#if($input.path('$.list') == [1, {'a': 2}])yes#end", "yes"),
            ("#if($a == $b)yes#end", "yes"),
            ("#if($a == 0)yes#{else}no#end", "no"),
            ("#if('b' > 'a')yes#{else}no#end", "no"),
        ],
    );
}

#[test]
fn d7_arithmetic() {
    check(
        r#"{"body": "{\"big\": 9223372036854775807, \"price\": 1.10}"}"#,
        &[
            ("#set($a = 7 / 2)$a", "3"),
            ("#set($a = 7 % 4)$a", "3"),
            ("#set($a = 7.0 / 2)$a", "3.5"),
            ("#set($a = .5*.1)$a", "0.05"),
            ("#set($a = 2 + 3 * 4 - 1)$a", "13"),
            ("#set($a = (2 + 3) * 4)$a", "20"),
            ("#set($a = 4 > 2 + 5)$a", "false"),
            ("#set($a = 10 - 2 - 3)$a", "5"),
            ("#set($a = 5)#set($a = 5 / 0)$a", "5"),
            ("#set($a = 5 / 0)<$a>", "<>"),
            ("#set($a = $undefined + 1)<$a>", "<>"),
            ("#set($a = $input.path('$.big') + 1)$a", "9223372036854775808"),
            ("#set($a = $input.path('$.price') * 2)$a", "2.2"),
            ("#set($a = 'x' + 1)$a", "x1"),
            ("#set($a = 1 + 'x' + $undefined)$a", "1x"),
            ("#set($a = 1e3)$a", "1000.0"),
            ("#set($a = true && !false)$a", "true"),
            ("#if(1 lt 2 and 2 le 2 and 3 gt 2 and 3 ge 3 and 1 eq 1 and 1 ne 2)yes#end", "yes"),
            ("#if(not true or true)yes#end", "yes"),
        ],
    );
}

#[test]
fn d8_ranges_run_both_ways() {
    check(
        NO_INPUT,
        &[
            ("#foreach($i in [2..-2])$i,#end", "2,1,0,-1,-2,"),
            ("#set($r = [1..3])$r $r.size() $r[1]", "[1, 2, 3] 3 2"),
            ("#set($r = [3..1])$r", "[3, 2, 1]"),
            ("#set($n = 2)#foreach($i in [ 1 .. $n ])$i#end", "12"),
            ("#foreach($i in [7..7])$i#end", "7"),
        ],
    );
}

#[test]
fn d9_methods_of_texts() {
    check(
        NO_INPUT,
        &[
            (
                "#set($s = 'Hello World')$s.length() $s.toLowerCase() $s.toUpperCase()",
                "11 hello world HELLO WORLD",
            ),
            ("#set($s = ' x ')<$s.trim()>", "<x>"),
            (
                "#set($s = 'abcabc')$s.indexOf('c') $s.indexOf('c', 3) $s.lastIndexOf('a') $s.indexOf('z')",
                "2 5 3 -1",
            ),
            (
                "#set($s = 'abc')$s.substring(1) $s.substring(0, 2) $s.charAt(1) <$s.substring(3)>",
                "bc ab b <>",
            ),
            (
                "#set($s = 'abc')$s.contains('b') $s.startsWith('ab') $s.endsWith('x') $s.startsWith('c', 2)",
                "true true false true",
            ),
            (
                "#set($s = 'abc')$s.equals('abc') $s.equals('ABC') $s.equalsIgnoreCase('ABC') $s.isEmpty() $s.empty",
                "true false true false false",
            ),
            (
                "#set($s = 'a.b.c')$s.replace('.', '-') $s.replaceAll('.', '-') $s.replaceFirst('[a-c]', 'x')",
                "a-b-c ----- x.b.c",
            ),
            ("#set($s = 'John Smith')$s.replaceAll('(\\w+) (\\w+)', '$2 $1')", "Smith John"),
            ("#set($s = \"it\\'s\")$s.replaceAll(\"\\\\'\", \"'\")", "it's"),
            ("#set($s = 'd123')$s.matches('[0-9]*') $s.matches('d[0-9]*')", "false true"),
            (
                "#set($s = 'a,b,,c,,')$s.split(',') $s.split(',').size() $s.split(',', 2)[1]",
                "[a, b, , c] 4 b,,c,,",
            ),
            ("#set($s = 'abc')$s.concat('d') $s.compareTo('abd') $s.toString()", "abcd -1 abc"),
            ("#set($s = 'abc')<$s.unknown()><$s.length><$s.length(1)>", "<><><>"),
        ],
    );
}

#[test]
fn d9_positions_count_utf16_units() {
    check(
        NO_INPUT,
        &[
            ("#set($s = 'ä😀b')$s.length() $s.indexOf('b') $s.substring(1, 3) $s.substring(3)", "4 3 😀 b"),
            ("#set($s = 'ß€')$s.length() $s.charAt(1)", "2 €"),
        ],
    );
}

#[test]
fn d9_methods_of_lists() {
    check(
        NO_INPUT,
        &[
            (
                "#set($l = ['a', 'b'])$l.size() $l.get(0) $l[1] $l.isEmpty() $l.empty $l.contains('b')",
                "2 a b false false true",
            ),
            (
                "#set($l = ['a', 'b'])$l.indexOf('b') $l.lastIndexOf('z') $l[-1] <$l[2]> <$l.get(9)>",
                "1 -1 b <> <>",
            ),
            ("#set($l = ['a'])$l.add('b')$l.add(0, 'c')$l.addAll(['d', 'e'])$l", "truetrue[c, a, b, d, e]"),
            ("#set($l = ['a', 'b', 'c'])$l.remove(0) $l.remove('c') $l.remove('x') $l", "a true false [b]"),
            (
                "#set($l = [1, 2, 3, 4])$l.subList(1, 3) $l.containsAll([1, 4]) $l.containsAll([5])",
                "[2, 3] true false",
            ),
            ("#set($l = [1])$l.clear()$l $l.set(5, 1)", "[] "),
            ("#set($l = [1, [2, 'x'], {'k': 'v'}, true, 1.5])$l", "[1, [2, x], {k=v}, true, 1.5]"),
        ],
    );
}

#[test]
fn d9_methods_of_maps() {
    check(
        NO_INPUT,
        &[
            ("#set($m = {'a': 1, 'b': 2})$m.size() $m.get('a') $m.b $m['a'] $m.isEmpty()", "2 1 2 1 false"),
            ("#set($m = {'a': 1, 'b': 2})$m.keySet() $m.values() $m.entrySet()", "[a, b] [1, 2] [a=1, b=2]"),
            (
                "#set($m = {'a': 1})#foreach($e in $m.entrySet())$e.key=$e.value $e.getKey()=$e.getValue()#end",
                "a=1 a=1",
            ),
            (
                "#set($m = {'a': 1})$m.containsKey('a') $m.containsKey('b') $m.containsValue(1)",
                "true false true",
            ),
            ("#set($m = {'a': 1})$m.remove('a')$m.remove('a')$m", "1{}"),
            ("#set($m = {'a': 1})$m.putAll({'b': 2, 'a': 3})$m", "{a=3, b=2}"),
            (
                "#set($m = {'a': 1})$m.getOrDefault('a', 5) $m.getOrDefault('b', 5) $m.putIfAbsent('a', 9)$m",
                "1 5 1{a=1}",
            ),
            ("#set($m = {'a': 1})$m.clear()$m <$m.nothing>", "{} <>"),
            ("#set($m = {'size': 'x'})$m.size $m.size()", "x 1"),
        ],
    );
}

#[test]
fn d9_numbers_and_booleans_read_texts() {
    check(
        NO_INPUT,
        &[
            ("#set($Integer = 0)#set($n = $Integer.parseInt('41') + 1)$n", "42"),
            ("#set($Double = 0.0)$Double.parseDouble('1.5') $Double.valueOf('2')", "1.5 2.0"),
            ("#set($Boolean = true)$Boolean.parseBoolean('TRUE') $Boolean.valueOf('no')", "true false"),
            ("#set($n = 3.7)$n.intValue() $n.toString() $n.equals(3.7)", "3 3.7 true"),
        ],
    );
}

#[test]
fn d10_a_bare_call_prints_what_it_returns() {
    check(
        NO_INPUT,
        &[
            ("#set($l = ['one', 'two'])$l.set(1, 'foo')|$l", "two|[one, foo]"),
            ("#set($m = {})<$m.put('k', 'v')><$m.put('k', 'w')>$m", "<><v>{k=w}"),
            ("#set($l = [])$l.add(1)", "true"),
            ("#set($m = {})<$m.putAll({'a': 1})>", "<>"),
        ],
    );
}

#[test]
fn d11_brackets_assign() {
    check(
        r#"{"body": "{\"list\": [1, 2], \"map\": {\"k\": \"v\"}}"}"#,
        &[
            ("#set($m = {})#set($k = 'a')#set($m[$k] = {})#set($m[\"$k\"].x = 'v')$m", "{a={x=v}}"),
            ("#set($l = [1, 2])#set($l[0] = 'x')#set($l[-1] = 'y')$l", "[x, y]"),
            ("#set($l = [1])#set($l[7] = 'x')$l", "[1]"),
            ("#set($undefined.x = 1)<$undefined.x>", "<>"),
            (
                "#set($r = $input.path('$'))#set($r.map.k = 'w')#set($r.list[0] = 9)$r",
                "{list=[9,2], map={k=w}}",
            ),
            ("#set($m = {'a': 1})#set($n = $m)#set($n.a = 2)$m", "{a=2}"),
        ],
    );
}

#[test]
fn d12_white_space_around_directives() {
    check(
        NO_INPUT,
        &[
            ("a\n#set($x = 1)\nb", "a\nb"),
            ("a\n#set($x = 1)  \t\r\nb", "a\nb"),
            ("\n        #set($x = 1)\n        {", "\n                {"),
            ("#set($x = 1) #set($y = 2)\n  b", "  b"),
            ("$x #set($y = 2) b", " b"),
            ("#if(true)\n  a\n#else\n  b\n#end\nc", "  a\nc"),
            ("  #if(true)a#end  \n  c", "  a  c"),
            ("#foreach($i in [1..2])\n$i\n#end\nx", "1\n2\nx"),
            ("a ## comment\nb", "a b"),
            ("a #* many\nlines *# b", "a  b"),
            ("a #** formal *# b#**#c", "a  bc"),
            ("a ## comment at the end", "a "),
            ("a #* without an end", "a "),
            ("#[[ $x #if(]]#\n$y", " $x #if(\n"),
        ],
    );
}

#[test]
fn d13_backslashes() {
    check(
        NO_INPUT,
        &[
            (r"#set($email = 'foo')\$email", "$email"),
            (r"#set($email = 'foo')\\$email", r"\foo"),
            (r"#set($email = 'foo')\\\$email", r"\$email"),
            (r"#set($email = 'foo')\${email} \$!email \$email.length()", "${email} $!email $email.length()"),
            (r"\#end \#set(x) \#if \#{else} \#foreach", "#end #set(x) #if #{else} #foreach"),
            (r"\\\#end", r"\#end"),
            (r"\#nothing \\#nothing", r"\#nothing \\#nothing"),
            (r"\ \\ \# \x \$ \$5 \", r"\ \\ \# \x \$ \$5 \"),
            (r"\\#if(true)x#end", r"\x"),
            (r"\\#set($x = 1)$x", r"\\1"),
        ],
    );
}

#[test]
fn d14_strings() {
    check(
        NO_INPUT,
        &[
            (r#"#set($s = "{""a"": 2}")$s"#, r#"{"a": 2}"#),
            (r#"#set($s = 'it''s')$s"#, "it's"),
            (r#"#set($s = "x\ny")$s"#, r"x\ny"),
            (r#"#set($s = '$x "quoted"')$s"#, r#"$x "quoted""#),
            (r#"#set($x = 1)#set($s = "a$x${x}b")$s"#, "a11b"),
            (r##"#set($s = "cost $ and #")$s"##, "cost $ and #"),
            (r##"#set($s = "#if(true)yes#end")$s"##, "yes"),
            (r##"#set($s = "#foreach($i in [1..3])$i#end")$s"##, "123"),
            ("#set($s = \"two\nlines\")$s", "two\nlines"),
            (r#"#set($s = "\u00e4\u20AC")$s"#, "ä€"),
            (r#"#set($s = "")<$s>"#, "<>"),
            (
                r#"#set($s = "\"q\"")$s"#,
                "the template is refused: line 1, column 14: expected a closing parenthesis, found `q`",
            ),
        ],
    );
}

#[test]
fn d15_define_is_evaluated_at_each_use() {
    check(
        NO_INPUT,
        &[
            ("#define($b)<$x>#end#set($x = 1)$b#set($x = 2)$b", "<1><2>"),
            ("#define($b)hi#end$b()$b()", "hi()hi()"),
            ("#define($b)$foreach.count#end#foreach($i in [1..3])$b,#end", "1,2,3,"),
            ("#define($b)a#end#set($s = \"<$b>\")$s", "<a>"),
            ("#define($b)\na\n#end\n$b|", "a\n|"),
        ],
    );
}

#[test]
fn d16_stop_keeps_what_was_printed() {
    check(
        NO_INPUT,
        &[
            ("a#stop b", "a"),
            ("#foreach($i in [1..3])$i#if($i == 2)#stop#end#end never", "12"),
            ("#if(true)a#{else}b#{end}c", "ac"),
            ("#if(false)a#{elseif}(true)b#{else}c#{end}", "b"),
            ("a#break b", "a"),
        ],
    );
}

#[test]
fn d17_maps_keep_their_order() {
    check(
        NO_INPUT,
        &[
            ("#set($m = {'k1': 'v1', 'k2': 'v2'})$m.toString()", "{k1=v1, k2=v2}"),
            ("#set($m = {'b': 1, 'a': 2, 'b': 3})$m", "{b=3, a=2}"),
            ("#set($m = {})$m", "{}"),
            ("#set($m = { 1 : 'a', $undefined : 'b' })$m", "{1=a, =b}"),
        ],
    );
}

#[test]
fn d18_classes_are_not_reachable() {
    check(
        NO_INPUT,
        &[("<$context.class.name><$input.class.name>", "<><>"), ("#set($s = 'x')<$s.class.name>", "<>")],
    );
}

#[test]
fn section_3_what_is_no_directive_is_printed() {
    check(
        NO_INPUT,
        &[
            ("#macro(tryme)x#end#tryme()", "#tryme()"),
            ("#macro(two $a $b)$a#end#two('x' $y) #two", "#two('x' $y) #two"),
            ("#evaluate(\"$x\")", "#evaluate(\"$x\")"),
            ("#return($v)", "#return($v)"),
            ("#13ff93 #fff <a href=\"#\">", "#13ff93 #fff <a href=\"#\">"),
            ("#unknown", "#unknown"),
            ("#@block()inside#end", "#@block()inside#end"),
            ("$math.add(1, 2)|$date|$esc.q", "||"),
        ],
    );
}

#[test]
fn d19_er1_what_the_language_lacks_is_refused_with_its_place() {
    let table = [
        (
            "a\n  ${x|'y'}",
            "line 2, column 6: `${name|'other'}` is not supported: API Gateway's language has no alternate values",
        ),
        ("#parse('x')", "line 1, column 1: `#parse` is not supported: a template stands alone"),
        ("\n\n#include('x')", "line 3, column 1: `#include` is not supported: a template stands alone"),
        ("#if($a)", "line 1, column 1: `#if` has no `#end`"),
        ("#if($a)x#else", "line 1, column 1: `#if` has no `#end`"),
        ("#if($a)x#else y#else z#end", "line 1, column 21: after `#else` only `#end` can follow"),
        ("x#end", "line 1, column 6: `#end` closes nothing"),
        ("x#else", "line 1, column 7: `#else` has no `#if`"),
        ("#foreach($x in $y)#else#end", "line 1, column 24: expected the `#end` of `#foreach`"),
        ("#foreach($x of $y)#end", "line 1, column 13: expected `in`, as in `#foreach($item in $list)`"),
        (
            "#foreach($x.y in $z)#end",
            "line 1, column 10: `#foreach` needs a plain variable here, such as `$item`",
        ),
        ("#foreach x", "line 1, column 1: `#foreach` needs its parentheses"),
        (
            "#set($x = )",
            "line 1, column 11: expected a value: a reference, a text, a number, a list or a map",
        ),
        ("#set($x == 1)", "line 1, column 9: expected `=` in `#set`"),
        ("#set(x = 1)", "line 1, column 6: `#set` needs a reference to assign to, as in `#set($name = 1)`"),
        ("#set($x.y() = 1)", "line 1, column 6: a method call cannot be assigned to"),
        ("#set($x = 5 -1)", "line 1, column 13: expected a closing parenthesis, found `-`"),
        ("#set($x = \"a)", "line 1, column 11: the text has no closing quote"),
        ("#set($x = \"\\u12\")", "line 1, column 11: `\\u` in a text needs four hexadecimal digits"),
        ("#set($x = [1,])", "line 1, column 15: expected a value after the comma"),
        ("#set($x = {'a' 1})", "line 1, column 16: expected `:` after the key, found `1`"),
        ("#set($x = ['a'..2])", "line 1, column 17: a range goes from one whole number to another"),
        ("${x y}", "line 1, column 4: expected `}` at the end of the reference"),
        ("$x[1.5]", "line 1, column 4: an index is a text, a whole number or a reference"),
        ("$x[1", "line 1, column 5: expected `]` after the index, found the end of the text"),
        ("$x.y(1 2)", "line 1, column 8: expected `,` or `)`, found `2`"),
        ("$true", "line 1, column 2: `true` cannot be the name of a reference"),
        ("Hello $", "line 1, column 7: a template cannot end with `$`"),
        ("Hello #", "line 1, column 7: a template cannot end with `#`"),
        ("#[[ x", "line 1, column 1: `#[[` has no `]]#`"),
        ("#macro()x#end", "line 1, column 8: `#macro` needs a name"),
        (
            "ä $input.path('$.a.max()')",
            "line 1, column 10: `max()` is not supported in a JSONPath: only `length()` is",
        ),
        (
            "$x.replaceAll('(?=a)', 'b')",
            "line 1, column 4: the pattern `(?=a)` is not supported: looking around needs backtracking, at its character 1",
        ),
    ];
    for (template, expected) in table {
        let problem = Template::parse(template, &Limits::default()).map(drop).unwrap_err();
        assert_eq!(problem.to_string(), expected, "{template}");
    }
}

#[test]
fn section_4_how_values_print() {
    check(
        r#"{"body": "{\"map\": {\"a\": {\"b\": [1, {\"c\": \"x\"}]}, \"n\": null}, \"list\": [{\"a\": \"q\\\"\"}, null, 1.50, true], \"empty\": [], \"text\": \"t\", \"number\": 1.0E+2, \"nothing\": null}"}"#,
        &[
            ("$input.path('$.map')", r#"{a={b=[1,{"c":"x"}]}, n=null}"#),
            ("$input.path('$.list')", r#"[{"a":"q\""},null,1.50,true]"#),
            ("$input.path('$.list').toString()", r#"[{"a":"q\""},null,1.50,true]"#),
            ("$input.path('$.list')[0]", r#"{a=q"}"#),
            ("$input.path('$.empty')", "[]"),
            ("$input.path('$.text') $input.path('$.number')", "t 1.0E+2"),
            ("<$input.path('$.nothing')><$input.path('$.missing').x.y>", "<><>"),
            ("#set($l = [$input.path('$.list')])$l", r#"[[{"a":"q\""},null,1.50,true]]"#),
            ("$input.json('$.map')", r#"{"a":{"b":[1,{"c":"x"}]},"n":null}"#),
            ("$input.json('$.text') $input.json('$.number') $input.json('$.empty')", r#""t" 1.0E+2 []"#),
            ("$input.json('$.missing') $input.json('$.nothing')", r#""" """#),
            ("<$context.nothing><$stageVariables.nothing><$input.params('nothing')>", "<><><>"),
            ("#if($input.path('$.missing') == \"\" && $input.path('$.nothing') == $null)yes#end", "yes"),
            ("#if($input.path('$.empty') == \"\")yes#{else}no#end", "no"),
        ],
    );
}

#[test]
fn section_5_the_body() {
    check(
        r#"{"body": "", "phase": "request"}"#,
        &[("$input.body|$input.body.attr|$input.json('$')|$input.path('$').size()", "{}||{}|0")],
    );
    // MK5: a MOCK response has no body.
    check(
        r#"{"body": "", "phase": "response"}"#,
        &[("<$input.body><$input.path('$')>$input.json('$')", "<><>\"\"")],
    );
    check(
        r#"{"body": "plain text"}"#,
        &[("$input.body|$input.json('$')|<$input.path('$.a')>", "plain text|\"\"|<>")],
    );
}

#[test]
fn section_5_the_parameters() {
    check(
        r#"{"params": {"path": {"id": "7", "same": "path"}, "querystring": {"q": ["1", "2"], "same": "query"}, "header": {"X-Name": "n", "same": "header"}}}"#,
        &[
            (
                "$input.params('id') $input.params('q') $input.params('X-Name') $input.params('same')",
                "7 2 n path",
            ),
            ("<$input.params('x-name')>", "<>"),
            (
                "$input.params().header.get('X-Name') $input.params().querystring.q $input.params().path['id']",
                "n 2 7",
            ),
            (
                "$input.params()",
                "{path={id=7, same=path}, querystring={q=2, same=query}, header={X-Name=n, same=header}}",
            ),
            ("$input.params().get('path')", "{id=7, same=path}"),
            ("#foreach($type in $input.params().keySet())$type #end", "path querystring header "),
            (
                "#set($all = $input.params())#foreach($type in $all.keySet())#set($p = $all.get($type))#foreach($n in $p.keySet())$n=$p.get($n);#end#end",
                "id=7;same=path;q=2;same=query;X-Name=n;same=header;",
            ),
            ("$input.params().header.size() $input.params().header.containsKey('X-Name')", "2 true"),
            ("#foreach($v in $input.params().querystring)$v,#end", "2,query,"),
        ],
    );
}

#[test]
fn section_6_util() {
    check(
        r#"{"body": "{\"json\": \"{\\\"a\\\": [1, 2]}\"}", "params": {"querystring": {"text": "a 'b' \"c\" d/e\\f\n\tä€😀", "url": "a+b%20%C3%A4"}}}"#,
        &[
            (
                "$util.escapeJavaScript($input.params('text'))",
                r#"a \'b\' \"c\" d\/e\\f\n\t\u00E4\u20AC\uD83D\uDE00"#,
            ),
            ("$util.escapeJavaScript('plain') <$util.escapeJavaScript($undefined)>", "plain <>"),
            ("$util.urlEncode('a b&c={}~*-_.ä')", "a+b%26c%3D%7B%7D%7E*-_.%C3%A4"),
            ("$util.urlDecode($input.params('url'))", "a b ä"),
            (
                "$util.base64Encode('hällo') $util.base64Decode('aMOkbGxv') $util.base64Decode('aA')",
                "aMOkbGxv hällo h",
            ),
            (
                "$util.parseJson($input.path('$.json')).a[1] $util.parseJson('[1,{\"a\":\"b\"}]')",
                r#"2 [1,{"a":"b"}]"#,
            ),
            ("<$util.parseJson('')><$util.parseJson($undefined)>", "<><>"),
            ("<$util.toJson({'a': 1})><$util.qr('x')><$util.error>", "<><><>"),
        ],
    );
}

const CONTEXT: &str = r#"{"context": {
    "resourceId": "r1", "stage": "demo", "requestTimeEpoch": 1700000000000,
    "identity": {"sourceIp": "1.2.3.4", "userAgent": "curl"},
    "authorizer": {"principalId": "me", "claims": {"cognito:groups": "a,b", "https://x.example/role": "admin"}},
    "requestOverride": {"path": {"body": "carried"}},
    "isCanaryRequest": true
}, "stageVariables": {"url": "example.com", "version": "2"}}"#;

#[test]
fn x1_x2_context_and_its_branches() {
    check(
        CONTEXT,
        &[
            (
                "$context.stage $context['stage'] $context.get('stage') ${context.stage}",
                "demo demo demo demo",
            ),
            (
                "$context.identity.sourceIp $context.identity['userAgent'] $context.get('identity').sourceIp",
                "1.2.3.4 curl 1.2.3.4",
            ),
            ("<$context.get('identity')><$context.identity><$context>", "<><><>"),
            (
                "<$context.get('requestOverride')><$context.responseOverride><$context.identity.toString()>",
                "<><><>",
            ),
            (
                "$context.keySet()",
                "[resourceId, stage, requestTimeEpoch, identity, authorizer, requestOverride, isCanaryRequest]",
            ),
            ("$context.identity.keySet() $context.identity.size()", "[sourceIp, userAgent] 2"),
            (
                "$context.requestOverride.keySet() $context.responseOverride.keySet()",
                "[path, header, querystring] [header]",
            ),
            ("#set($t = $context.requestTimeEpoch + 1)$t", "1700000000001"),
            ("<$context.nothing.at.all>", "<>"),
            ("#set($c = $context.identity)$c.sourceIp", "1.2.3.4"),
            (
                "#foreach($k in $context.identity.keySet())$k=$context.identity.get($k) #end",
                "sourceIp=1.2.3.4 userAgent=curl ",
            ),
        ],
    );
}

#[test]
fn x3_authorizers() {
    check(
        CONTEXT,
        &[
            ("$context.authorizer.principalId $context.authorizer.claims['cognito:groups']", "me a,b"),
            ("$context.authorizer.claims['https://x.example/role']", "admin"),
        ],
    );
    check(
        NO_INPUT,
        &[("<#foreach($a in $context.authorizer)x#end><$context.authorizer.claims.sub>", "<><>")],
    );
}

#[test]
fn x4_context_is_read_only() {
    check(
        CONTEXT,
        &[
            (
                "#set($context.stage = 'x')$context.stage #set($context.identity.sourceIp = 'y')$context.identity.sourceIp",
                "demo1.2.3.4",
            ),
            ("<$context.put('stage', 'x')>$context.stage", "<>demo"),
        ],
    );
}

#[test]
fn x5_ov5_overrides_are_set_in_every_form_and_read_back() {
    let template = "#set($n = 'byName')\
        #set($context.requestOverride.querystring[$n] = 'v1')\
        #set($context.requestOverride.header.name = 'v2')\
        $context.requestOverride.querystring.put('putName', 'v3')\
        #set($context['requestOverride'].querystring['nested'] = 'v4')\
        #set($path = $context.requestOverride.path)#set($path.id = 7)\
        #set($context.responseOverride.header.X = ['a', 1])\
        #set($context.responseOverride.status = 444)\
        $context.requestOverride.querystring.byName $context.requestOverride.querystring.get('putName') \
        $context.requestOverride.path.body $context.responseOverride.status $context.responseOverride.header.X \
        $context.requestOverride.querystring.keySet()";
    let output = run(template, CONTEXT).unwrap();
    assert_eq!(output.text, "v1 v3 carried 444 [a, 1] [byName, putName, nested]");
    let one = |text: &str| Some(OverrideValue::One(text.to_owned()));
    let overrides = output.overrides;
    assert_eq!(overrides.request_querystring.get("nested").cloned(), one("v4"));
    assert_eq!(overrides.request_header.get("name").cloned(), one("v2"));
    assert_eq!(overrides.request_path.get("id").cloned(), one("7"));
    assert_eq!(overrides.status(), Some(444));
    // X7: a list overrides with several values.
    let several = OverrideValue::Several(vec!["a".to_owned(), "1".to_owned()]);
    assert_eq!(overrides.response_header.get("X"), Some(&several));
    assert_eq!(overrides.repeated_assignments, 0);
}

#[test]
fn ov2_ov3_the_last_assignment_counts_and_odd_statuses_do_not() {
    let overrides = |template: &str| run(template, NO_INPUT).unwrap().overrides;
    let twice =
        overrides("#set($context.requestOverride.path.x = 'a')#set($context.requestOverride.path.x = 'b')");
    assert_eq!(twice.request_path.get("x"), Some(&OverrideValue::One("b".to_owned())));
    assert_eq!(twice.repeated_assignments, 1);
    for (status, expected) in
        [("99", None), ("100", Some(100)), ("599", Some(599)), ("600", None), ("'x'", None)]
    {
        let set = overrides(&format!("#set($context.responseOverride.status = {status})"));
        assert_eq!(set.status(), expected, "{status}");
    }
    // What does not exist overrides nothing.
    assert!(overrides("#set($context.requestOverride.path.x = $undefined)").request_path.is_empty());
    let replaced = overrides(
        "#set($context.requestOverride.header.a = '1')#set($context.requestOverride.header = {'b': '2'})\
         $context.requestOverride.header.putAll({'c': 3})$context.requestOverride.header.remove('b')",
    );
    assert_eq!(replaced.request_header.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["c"]);
}

#[test]
fn section_8_stage_variables() {
    check(
        CONTEXT,
        &[
            (
                "$stageVariables.url $stageVariables['url'] ${stageVariables.url} $stageVariables.get('url')",
                "example.com example.com example.com example.com",
            ),
            ("<$stageVariables.nothing><$stageVariables.get('nothing')>", "<><>"),
            (
                "$stageVariables $stageVariables.keySet() $stageVariables.size()",
                "{url=example.com, version=2} [url, version] 2",
            ),
            ("#foreach($v in $stageVariables)$v,#end", "example.com,2,"),
        ],
    );
}

#[test]
fn j1_to_j8_paths_in_templates() {
    check(
        r#"{"body": " { \"b\" : 1, \"a\": [1, 2, {\"c\": \"x/y\"}], \"b\": 2 } "}"#,
        &[
            ("$input.json('$')", r#"{"b":2,"a":[1,2,{"c":"x/y"}]}"#),
            (
                "$input.json('a[0]') $input.json('a') $input.json('$..c') $input.json('$.a[*]')",
                r#"1 [1,2,{"c":"x/y"}] ["x/y"] [1,2,{"c":"x/y"}]"#,
            ),
            ("$input.json('$..nothing') $input.path('$.a[?(@.c)]').size()", "[] 1"),
            ("$input.path('$.a.length()') $input.json('$.a.length()')", "3 3"),
            ("#set($p = '$.a[1]')$input.path($p) $input.json($p)", "2 2"),
            ("#set($r = $input.path('$'))#set($r.b = 5)$r.b $input.path('$.b') $input.json('$.b')", "5 2 2"),
        ],
    );
    check(r#"{"body": "{'a': 1}"}"#, &[("<$input.path('$.a')>$input.json('$')", "<>\"\"")]);
}

#[test]
fn er2_what_java_throws_ends_the_rendering() {
    let table = [
        ("$x\n#set($s = 'a')$s.substring(5)", "line 2: a position lies outside of the text"),
        ("#set($s = 'a')$s.substring(1, 0)", "line 1: a position lies outside of the text"),
        ("#set($l = [1])$l.add(5, 1)", "line 1: a position lies outside of the list"),
        ("#set($l = [1])$l.subList(0, 5)", "line 1: a position lies outside of the list"),
        (
            "#set($p = '(')#set($s = 'a')$s.matches($p)",
            "line 1: the pattern `(` is not supported: `(` has no `)`, at its character 1",
        ),
        (
            "#set($s = 'a')$s.replaceAll('a', '$1')",
            "line 1: the replacement `$1` names a group that is not there",
        ),
        ("#set($Integer = 0)$Integer.parseInt('x')", "line 1: `x` is not a number"),
        ("$util.parseJson('{')", "line 1: `$util.parseJson` was given text that is not JSON"),
        ("$util.base64Decode('*')", "line 1: `$util.base64Decode` was given text that is not base64"),
        ("$util.urlDecode('%z')", "line 1: `$util.urlDecode` was given text with a bad `%` escape"),
        ("#set($p = '$.')$input.path($p)", "line 1: a JSONPath needs the name of a member after `.`"),
    ];
    for (template, expected) in table {
        match run(template, r#"{"body": "{}"}"#) {
            Err(CaseFailure::Rendering(failure)) => assert_eq!(failure.to_string(), expected, "{template}"),
            other => panic!("{template}: {other:?}"),
        }
    }
}

#[test]
fn er3_er4_any_output_is_output() {
    check(
        NO_INPUT,
        &[("", ""), ("#set($x = 1)\n", ""), ("{not json", "{not json"), ("äöü 😀 \u{0}", "äöü 😀 \u{0}")],
    );
}

#[test]
fn what_is_doubtful_is_told() {
    let table: [(&str, &[&str]); 7] = [
        (
            "#if($x)a#end",
            &[
                "line 1, column 5: this condition holds unless the value is `false`, also where there is no value: compare with `\"\"`",
            ],
        ),
        ("#if($x == 1 && $y.isEmpty() || $foreach.hasNext)a#end", &[]),
        ("#set($flag = $x == 1)#if(!$flag)a#end", &[]),
        ("\n$util.toJson($x)", &["line 2, column 1: API Gateway has no `$util.toJson`: it gives nothing"]),
        (
            "$input.path('$')",
            &[
                "line 1, column 1: `$input.path` prints an object as `{name=value}`: for JSON use `$input.json`",
            ],
        ),
        (
            "#macro(m)x#end",
            &[
                "line 1, column 1: API Gateway has no macros: `#macro` does nothing, and its calls are printed as text",
            ],
        ),
        ("a #m()", &["line 1, column 3: `#m` is no directive on API Gateway: it is printed as text"]),
    ];
    for (template, expected) in table {
        let parsed = Template::parse(template, &Limits::default()).unwrap();
        let lints: Vec<_> = parsed.lints().iter().map(ToString::to_string).collect();
        assert_eq!(lints, expected, "{template}");
    }
}
