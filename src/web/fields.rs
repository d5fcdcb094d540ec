//! The fields of a form or a query, of which some come several times.

use axum::extract::{FromRequest, RawForm, Request};

use super::error::PageError;

/// Most fields of one form: a page of records with a box each, some times over.
const MOST: usize = 5_000;

/// What was filled in, in its order.
#[derive(Debug, Clone, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// The first field of this name, without blanks around it; empty if there is none.
    pub fn one(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// All fields of this name.
    pub fn all<'f>(&'f self, name: &str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.trim())
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = PageError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let RawForm(bytes) = RawForm::from_request(request, state).await.map_err(|_| PageError::BadRequest)?;
        Ok(Self(form_urlencoded::parse(&bytes).into_owned().take(MOST).collect()))
    }
}
