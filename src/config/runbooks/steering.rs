//! Variables of the environment by which programs are found, loaded or started, or that say where they connect and whom they
//! trust.

use super::super::Reading;
use super::super::node::Node;

const STEERING: &[&str] = &[
    "PATH",
    "IFS",
    "ENV",
    "HOME",
    "PS4",
    "SHELL",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "MANPAGER",
    "BROWSER",
    "SHELLOPTS",
    "BASHOPTS",
    "PROMPT_COMMAND",
    "ZDOTDIR",
    "CLASSPATH",
    "_JAVA_OPTIONS",
    "MAVEN_OPTS",
    "GRADLE_OPTS",
    "MAKEFLAGS",
    "MAKEFILES",
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "LOCPATH",
    "HOSTALIASES",
    "LESSOPEN",
    "LESSCLOSE",
    "TAR_OPTIONS",
    "RSYNC_RSH",
    "KUBECONFIG",
    "CURL_HOME",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "WGETRC",
];
const BEGINNINGS: &[&str] = &[
    "LD_",
    "BASH_",
    "PYTHON",
    "PERL",
    "RUBY",
    "GEM_",
    "NODE_",
    "NPM_",
    "GIT_",
    "JAVA_",
    "JDK_",
    "LUA_",
    "PHP",
    "ANSIBLE_",
    "DOCKER_",
    "SSL_CERT_",
    "OPENSSL_",
    "SSH_",
    "XDG_",
];

/// Variables with the same meaning in capitals and in small letters.
const PROXY: &str = "_proxy";

/// For a variable in whose value parameters stand.
pub(super) fn without_params(ctx: &mut Reading<'_>, name: &str, value: &Node) {
    if steers(name) {
        let message = format!("`{name}` decides what programs load or start: no parameter may stand in it");
        ctx.report.error("E0702", value.at, message);
    }
}

fn steers(name: &str) -> bool {
    STEERING.contains(&name)
        || BEGINNINGS.iter().any(|one| name.starts_with(one))
        || name.to_ascii_lowercase().ends_with(PROXY)
}
