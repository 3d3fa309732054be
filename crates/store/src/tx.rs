//! What runs inside a write transaction, and how it may end without a commit.

/// A transaction's body.
///
/// The same as the bound that `diesel-async` asks for and keeps private: an async closure whose future can be
/// required to be `Send`.
pub(crate) trait Body<T, R>: AsyncFnOnce(T) -> R + FnOnce(T) -> <Self as Body<T, R>>::Fut {
    /// The body's future.
    type Fut: Future<Output = R>;
}
impl<F, T, Fut, R> Body<T, R> for F
where
    F: AsyncFnOnce(T) -> R + FnOnce(T) -> Fut,
    Fut: Future<Output = R>,
{
    type Fut = Fut;
}

/// Why a transaction is rolled back.
#[derive(Debug)]
pub(crate) enum Abort<E> {
    /// The database failed.
    Database(diesel::result::Error),
    /// The body decided so.
    Refused(E),
}
impl<E> Abort<E> {
    /// The same with the body's reason in another type.
    pub(crate) fn map<F>(self, into: impl FnOnce(E) -> F) -> Abort<F> {
        match self {
            Abort::Database(error) => Abort::Database(error),
            Abort::Refused(reason) => Abort::Refused(into(reason)),
        }
    }
}
impl<E> From<diesel::result::Error> for Abort<E> {
    fn from(error: diesel::result::Error) -> Self {
        Abort::Database(error)
    }
}
