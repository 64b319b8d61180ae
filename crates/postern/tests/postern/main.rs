//! The real program: what it writes, how it ends, and how it lives.

#![cfg(test)]

mod admin;
mod commands;
mod demo;
mod deploy;
mod drain;
mod handover;
mod logs;
mod reload;
mod support;
