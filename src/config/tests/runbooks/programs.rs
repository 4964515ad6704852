//! Which arguments of programs are taken, and which are not: one line each. What is said about those is in the files of mistakes.

use super::*;

/// The codes for a command, with a parameter `x` that is one of a list.
fn of(argv: &str) -> Vec<&'static str> {
    let config = CONFIG.replace("[/usr/bin/systemctl,", "[/usr/bin/,");
    let params = "params: {x: {from: service, enum: [a]}}";
    let spec = format!("spec: {{{params}, steps: [{{name: a, command: {{argv: [{argv}]}}}}]}}");
    codes(&format!("{config}{}", document("one", &spec)))
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
    ] {
        assert_eq!(of(argv), ["E0702"], "{argv}");
    }
    let programs = "taskset chrt prlimit numactl runcon sg machinectl socat expect unbuffer bwrap gosu tini setpriv unshare nsenter \
                    chroot setsid scp sftp rsync ansible ansible-playbook at batch crontab xargs sudo su doas";
    for program in programs.split_whitespace() {
        assert_eq!(of(&format!("/usr/bin/{program}, a")), ["E0702"], "{program}");
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
