//! Takes the answer of a hickory-server handler as bytes, where hickory would write it to a socket of its own.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use hickory_net::NetError;
use hickory_proto::rr::Record;
use hickory_proto::serialize::binary::BinEncoder;
use hickory_server::server::{ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponse;

/// Bytes of most local answers: a question, a record and an SOA.
const USUAL_SIZE: usize = 256;

/// A response handler that keeps the encoded message. Clones share it, because a catalog answers on a clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Capture(Arc<OnceLock<Vec<u8>>>);

impl Capture {
    /// The message that was sent; `None` if none was, or if it could not be encoded.
    pub(crate) fn take(self) -> Option<Vec<u8>> {
        match Arc::try_unwrap(self.0) {
            Ok(message) => message.into_inner(),
            Err(shared) => shared.get().cloned(),
        }
    }
}

#[async_trait]
impl ResponseHandler for Capture {
    async fn send_response<'a>(
        &mut self,
        response: MessageResponse<
            '_,
            'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
        >,
    ) -> Result<ResponseInfo, NetError> {
        let mut message = Vec::with_capacity(USUAL_SIZE);
        let mut encoder = BinEncoder::new(&mut message);
        encoder.set_max_size(u16::MAX);
        let info = response.destructive_emit(&mut encoder)?;
        // A handler answers once; were there a second answer, the first is the one that counts.
        let _ = self.0.set(message);
        Ok(info)
    }
}
