//! class: submodule_with_generics::listeners::Tee<submodule_with_generics::Left, Vec<u8>>
//! class: submodule_with_generics::Plain
//! class: submodule_with_generics::Plain

#![forbid(unsafe_code)]
#![deny(warnings)]

use op_listener_api::*;

pub struct Left;

pub struct Plain;

impl Lifecycle for Plain {
    fn init(_: &InitContext<'_>) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl SubjectAuthAndConsentEventListener for Plain {
    fn subject_authenticated_and_consented(
        &self,
        _: &SubjectAuthAndConsentEvent<'_>,
        _: &EventContext<'_>,
    ) -> Result<(), Error> {
        Ok(())
    }
}

mod listeners {
    use std::marker::PhantomData;

    use op_listener_api::*;

    pub struct Tee<A, B>(PhantomData<fn() -> (A, B)>);

    impl<A: 'static, B: 'static> Lifecycle for Tee<A, B> {
        fn init(_: &InitContext<'_>) -> Result<Self, Error> {
            Ok(Self(PhantomData))
        }
    }

    impl<A: 'static, B: 'static> AccessTokenIssueEventListener for Tee<A, B> {
        fn access_token_issued(
            &self,
            _: &AccessTokenIssueEvent<'_>,
            _: &EventContext<'_>,
        ) -> Result<(), Error> {
            Ok(())
        }
    }

    op_listener_api::export! {
        id = "forms", interface = "1.0";
        AccessTokenIssueEventListener for Tee<crate::Left, Vec<u8>>,
        SubjectAuthAndConsentEventListener for super::Plain,
        SubjectAuthAndConsentEventListener for crate::Plain,
    }
}

fn main() {}
