//! Work that blocks, off the runtime's threads.

use std::any::Any;

use tokio::task::{JoinError, spawn_blocking};

/// Runs it where it may block and gives its result.
///
/// Type-erased on the way: the machinery of the runtime is compiled once and not for each of 180 kinds of work, which takes long.
///
/// # Errors
/// The work panicked, or the runtime is ending.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    type Erased = Box<dyn Any + Send>;
    let work: Box<dyn FnOnce() -> Erased + Send> = Box::new(move || Box::new(work()));
    let done: Erased = spawn_blocking(work).await?;
    match done.downcast() {
        Ok(result) => Ok(*result),
        Err(_) => unreachable!("the result has the type of the work that was given"),
    }
}
