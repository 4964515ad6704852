//! End-to-end tests against real peers: a second binary, since they run the release build.
