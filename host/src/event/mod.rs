//! Events as the host knows them: parsed and valid.
