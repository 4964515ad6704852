//! Which arguments of programs are taken, and which are not: one line each. What is said about those is in the files of mistakes.

use super::*;

/// The codes for a command, with a parameter `x` that is one of a list.
fn of(argv: &str) -> Vec<&'static str> {
    codes(&with(argv))
}

fn with(argv: &str) -> String {
    let config = CONFIG.replace("[/usr/bin/systemctl,", "[/usr/bin/,");
    let params = "params: {x: {from: service, enum: [a]}}";
    let spec = format!("spec: {{{params}, steps: [{{name: a, command: {{argv: [{argv}]}}}}]}}");
    format!("{config}{}", document("one", &spec))
}

#[test]
fn what_is_data_is_taken() {
    for argv in [
        "/usr/bin/kubectl, delete, node, '{{ x }}'",
        "/usr/bin/kubectl, --namespace, shop, rollout, restart, 'deployment/{{ x }}'",
        "/usr/bin/kubectl, exec, -i, pod, -c, web, --, /opt/x, '{{ x }}'",
        "/usr/bin/docker, exec, shop, /opt/x, '--unit={{ x }}'",
        "/usr/bin/docker, exec, -it, -u, root, shop, php, /opt/x.php, '{{ x }}'",
        "/usr/bin/docker, exec, shop, bash, -o, pipefail, /opt/x.sh, '{{ x }}'",
        "/usr/bin/docker, exec, shop, sh, -c, 'echo a'",
        "/usr/bin/docker, run, --rm, 'python:3.12', pip, list",
        "/usr/bin/docker, restart, '{{ x }}'",
        "/usr/bin/docker, exec, web, perl, -i, -pe, 's/a/b/', /x",
        "/usr/bin/sed, -i, -f, /usr/bin/x.sed, /srv/x",
        "/usr/bin/systemctl, restart, node, '{{ x }}'",
        "/usr/bin/du, -s, /opt/node, '/srv/{{ x }}'",
        "/usr/bin/x, --host, '{{ x }}', '--user={{ x }}'",
        "/usr/bin/x, -a, '{{ x }}', 'b={{ x }}'",
        "/usr/bin/tar, -czf, /srv/a.tgz, '/srv/{{ x }}'",
        "/usr/bin/tar, czf, /srv/a.tgz, '/srv/{{ x }}'",
        "/usr/bin/git, -C, /srv/app, fetch, origin, '{{ x }}'",
        "/usr/bin/java, -Xmx64m, -cp, /usr/bin/a.jar, example.Main, '{{ x }}'",
        "/usr/bin/java, -jar, /usr/bin/a.jar, '--unit={{ x }}'",
        "/usr/bin/apt-get, install, -y, '{{ x }}'",
        "/usr/bin/psql, -d, '{{ x }}', -c, 'select 1'",
        "/usr/bin/systemctl, restart, vim, '{{ x }}'",
        "/usr/bin/systemctl, restart, edit, '--user={{ x }}'",
        "/usr/bin/ip, netns, exec, shop, /opt/x, '{{ x }}'",
        "/usr/bin/ip, link, set, '{{ x }}', up",
        "/usr/bin/make, -C, /srv/app, restart",
        "/usr/bin/tcpdump, -i, '{{ x }}', -w, /srv/a.pcap",
    ] {
        assert_eq!(of(argv), Vec::<&str>::new(), "{argv}");
    }
}

#[test]
fn what_could_be_code_or_another_program_is_not() {
    for argv in [
        "/usr/bin/sudo, -n, /usr/bin/x",
        "/usr/bin/docker, exec, -i, web, sh, -x",
        "/usr/bin/docker, exec, -i, web, /usr/bin/bash",
        "/usr/bin/docker, exec, -i, web, perl, -I, lib",
        "/usr/bin/docker, run, -i, 'registry.example:5000/x/node:22@sha256:0'",
        "/usr/bin/docker, exec, -w, /tmp, web, '{{ x }}'",
        "/usr/bin/docker, run, --unknown-flag, image, a, '{{ x }}'",
        "/usr/bin/docker, '--host={{ x }}', exec, web, /opt/x",
        "/usr/bin/kubectl, run, a, --image, i, --, '{{ x }}'",
        "/usr/bin/x, --shell, '{{ x }}'",
        "/usr/bin/x, -exec, '{{ x }}'",
        "/usr/bin/python3, -X, dev",
        "/usr/bin/python3, -i, /usr/bin/x.py",
        "/usr/bin/bash, --rcfile, /usr/bin/x",
        "/usr/bin/docker, exec, -i, web, bash, --rcfile, /x",
        "/usr/bin/docker, exec, -i, web, fish, -C, a",
        "/usr/bin/docker, exec, -i, web, pwsh, -c, '-'",
        "/usr/bin/docker, exec, -i, web, node, --interactive, /x.js",
        "/usr/bin/sed, -n, -f, '-'",
        "/usr/bin/awk, --file=/dev/stdin",
        "/usr/bin/make, '{{ x }}'",
        "/usr/bin/gmake, -f, '-'",
        "/usr/bin/ninja, -f, '{{ x }}'",
        "/usr/bin/java, -jar, '{{ x }}'",
        "/usr/bin/java, -cp, '{{ x }}', example.Main",
        "/usr/bin/java, --class-path, ., '{{ x }}'",
        "/usr/bin/man, -P, '{{ x }}', ls",
        "/usr/bin/tar, -I, '{{ x }}', -cf, a, b",
        "/usr/bin/tar, -cI, '{{ x }}', -f, a, b",
        "/usr/bin/tar, cIf, '{{ x }}', a, b",
        "/usr/bin/tar, -xf, a, -F, '{{ x }}'",
        "/usr/bin/docker, exec, web, tar, -cI, '{{ x }}'",
        "/usr/bin/tcpdump, -w, a, -z, '{{ x }}'",
        "/usr/bin/zip, -T, -TT, '{{ x }}', a",
        "/usr/bin/git, -c, '{{ x }}', log",
        "/usr/bin/git, config, user.name, '{{ x }}'",
        "/usr/bin/git, clone, 'ext::{{ x }}'",
        "/usr/bin/git, submodule, foreach, '{{ x }}'",
        "/usr/bin/apt-get, -o, '{{ x }}', update",
        "/usr/bin/apt-get, -yo, 'APT::Update::Pre-Invoke::={{ x }}', update",
        "/usr/bin/rpm, '--pipe={{ x }}', -qa",
        "/usr/bin/nmap, --script, '{{ x }}', 127.0.0.1",
        "/usr/bin/openssl, req, -engine, '{{ x }}'",
        "/usr/bin/psql, -Xc, '{{ x }}'",
        "/usr/bin/systemctl, set-environment, 'X={{ x }}'",
        "/usr/bin/systemctl, edit, --full, x",
        "/usr/bin/kubectl, edit, '{{ x }}'",
    ] {
        assert_eq!(of(argv), ["E0702"], "{argv}");
    }
    let programs = "taskset chrt prlimit numactl runcon sg machinectl socat expect unbuffer bwrap gosu tini setpriv unshare nsenter \
                    chroot setsid scp sftp rsync ansible ansible-playbook at batch crontab xargs sudo su doas \
                    tmux screen vi vim vim.basic nvim ex view emacs run-parts parallel watch script expect gdb lldb npx ld-linux-x86-64.so.2";
    for program in programs.split_whitespace() {
        assert_eq!(of(&format!("/usr/bin/{program}, a")), ["E0702"], "{program}");
    }
}

/// Scenario: links under names that say nothing.
/// Guarantees: what they lead to counts, as the program and among the arguments; but one file under many names is what it is called.
#[test]
fn a_link_is_what_it_leads_to() {
    let found = |argv: &str| {
        let mut world = world(&with(argv));
        for (link, target) in [
            ("/usr/bin/link", "/usr/bin/bash"),
            ("/usr/bin/three", "/usr/bin/python3.12"),
            ("/usr/bin/true", "/usr/bin/busybox"),
            ("/usr/bin/sh", "/usr/bin/busybox"),
            ("/usr/bin/y", "/usr/lib/y/bin/y"),
        ] {
            world.links.insert(link.to_owned(), target.to_owned());
        }
        let loaded = loaded(&world, "a.yaml");
        loaded.findings.iter().map(|one| one.message.clone()).collect::<Vec<String>>()
    };
    let code = "`/usr/bin/link -> /usr/bin/bash` would read what follows `-c` as code";
    assert_eq!(found("/usr/bin/link, -c, '{{ x }}'"), [code]);
    let code = "`/usr/bin/three -> /usr/bin/python3.12` is given code by its arguments, so no parameter may stand in them";
    assert_eq!(found("/usr/bin/three, -c, 'a()', '{{ x }}'"), [code]);
    let code = "`/usr/bin/x` is given code by its arguments, so no parameter may stand in them";
    assert_eq!(found("/usr/bin/x, /usr/bin/link, -c, '{{ x }}'"), [code]);
    let code = "`/usr/bin/sh` would read what follows `-c` as code";
    assert_eq!(found("/usr/bin/sh, -c, '{{ x }}'"), [code]);
    for sound in
        ["/usr/bin/true, '{{ x }}'", "/usr/bin/y, '{{ x }}'", "/usr/bin/link, /usr/bin/a.sh, '{{ x }}'"]
    {
        assert_eq!(found(sound), Vec::<String>::new(), "{sound}");
    }
}

/// Guarantees: a text that only looks like a substitution is one like others, and so is a variable of the environment.
#[test]
fn a_file_is_no_part_of_a_runbook() {
    let step = |text: &str| format!("http: {{url: 'http://127.0.0.1', json: {{a: '{text}'}}}}");
    assert_eq!(codes(&one_step(&step("${file:token}"))), ["E0708"]);
    assert_eq!(codes(&one_step(&step("$$${file:token}"))), ["E0708"]);
    for text in ["$${file:token}", "$file:token", "${env:NONE:-file}"] {
        assert_eq!(codes(&one_step(&step(text))), Vec::<&str>::new(), "{text}");
    }
}
