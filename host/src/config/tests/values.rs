#[test]
fn probe() {
    for text in [
        "isuer = \"https://op.example.com\"\n",
        "dir = \"x\"\n[log]\nissuer = \"https://a.example.com\"\nfoo = 1\nisuer = 2\n",
        "issuer = \n[log]\nlevel=\"x\"\n",
        "clients = foo\ntrust='off'",
        "a = 1 b = 2\n[log]\nlevel='inof'\n",
        "isuer 'x'\n[log]\nlevle='info'\n",
        "[log]\nlevel='info'\n[log]\nformat='xml'\n",
        "issuer='https://a.example.com'\nissuer='https://b.example.com'",
        "x = [1,2\n[log]\ny = 1\n",
        "[log\nlevel = 1\n",
        "x = \"abc\nisuer = 3\n",
        "[[listener]]\nplugin='a'\n[listener]\nplugin='b'\n",
        "[listener]\nplugin='a'\n",
        "listener = 3\n",
        "listener = [3, {plugin='x'}]",
        "log = 'info'\n[delivery]\npath='x'\n[intake]\nunix='x'\nmax_depth=0\nmax_line=99999999999999999999999999999999999999999999999\n",
        "[plugins]\ntrust='pinned'\non_failure='abrot'\ndir=''\n[dispatch]\nmeasure='true'\nbudget_ms='5'\n[signing]\nkid='x'\n",
        "[[listener]]\nplugin='a'\nspi=['id_token_isue', 'id_token_issue','id_token_issue']\nclients=[]\n[listener.config]\nx=nan\n[[listener]]\nplugin='A'\npath='x'\n[[listener]]\nname='.x'\n",
        "\tclients\t=\t1 # 漢字\n'漢字\\u0007' = 1\n\"a\u{301}\" = {a = 1, password = \"hunter2\"}\n",
        "[log]\nlevel='op_x=inof,info'\n",
        "issuer = 'https://user:pw@op.example.com'\n",
        "password = \"\"\"\nfoo\nbar\n\"\"\"\n[listeners]\npassword='x'",
        "password = \"\"\"\nfoo\nb\\qar\n\"\"\"\n",
        "a = 1\r\nb = 2\r\n",
        "[log]\nlevel = 2020-01-01",
        &format!("{}x = 1", "a.".repeat(200)),
        &format!("{}x = 1", "a".repeat(300)),
        &format!("x = {{ {} isuer = }}", "a = 1, ".repeat(100)),
    ] {
        println!("=====\n{text}\n-----\n{}", super::refusal(text));
    }
}
