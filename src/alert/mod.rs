//! Alert episodes, their priority, and which receivers hear of them. Knows no window and no socket.

pub mod route;
