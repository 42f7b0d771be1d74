//! What the contract tests share: a scripted conversation, its recording, and the comparison of two of them in shape.

// Each test program uses a part of it.
#![allow(dead_code)]

pub mod conversation;
pub mod drone_server;
pub mod lab;
pub mod pushes;
pub mod receiver;
pub mod recording;
pub mod shape;
pub mod talk;

#[path = "../../src/lab/gitea_server.rs"]
pub mod gitea_server;
