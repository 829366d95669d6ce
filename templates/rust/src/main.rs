use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::{Deserialize, Serialize};

/// What the function is called with.
#[derive(Deserialize)]
struct Event {
    name: Option<String>,
}

/// What it returns.
#[derive(Debug, PartialEq, Serialize)]
struct Answer {
    message: String,
}

async fn handle(event: LambdaEvent<Event>) -> Result<Answer, Error> {
    let name = event.payload.name.unwrap_or_else(|| "world".to_owned());
    eprintln!("greeting {name}");
    Ok(greet(&greeting(), &name))
}

fn greeting() -> String {
    std::env::var("GREETING").unwrap_or_else(|_| "Hello".to_owned())
}

fn greet(greeting: &str, name: &str) -> Answer {
    Answer {
        message: format!("{greeting}, {name}!"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handle)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_greets_by_name() {
        assert_eq!(greet("Hello", "Ada").message, "Hello, Ada!");
    }
}
