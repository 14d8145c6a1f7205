//! Events that are read and decided, and the same lines parsed without any rule.

use std::hint::black_box;
use std::sync::Arc;

use op_listener_host::flow::FlowRule;
use op_listener_host::intake::Pipeline;

use crate::bare::Bare;
use crate::{EVENTS, line};

pub(crate) fn all() {
    let lines: Vec<_> = (0..EVENTS).map(line).collect();
    let pipeline = Pipeline::new(Arc::new(FlowRule::default()));
    parse(&lines);
    read(&pipeline, &lines);
}

#[inline(never)]
fn parse(lines: &[String]) {
    for line in lines {
        let bytes = black_box(line.as_bytes());
        black_box(&serde_json::from_slice::<Bare<'_>>(bytes).unwrap());
    }
}

#[inline(never)]
fn read(pipeline: &Pipeline, lines: &[String]) {
    for line in lines {
        let bytes = black_box(line.as_bytes());
        black_box(&pipeline.process(bytes, Some(1)).unwrap());
    }
}
