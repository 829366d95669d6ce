# A function with all that usually stands around one, for tests/e2e/test_terraform.py.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

variable "endpoint" { type = string }
variable "account" { type = string }
variable "name" { type = string }
variable "greeting" { type = string }
variable "code" { type = string }
variable "layer" { type = string }
variable "memory" { type = number }
variable "runtime" { type = string }

provider "aws" {
  region                      = "us-east-1"
  access_key                  = var.account
  secret_key                  = "secret"
  skip_metadata_api_check     = true
  skip_requesting_account_id  = false
  skip_credentials_validation = false
  max_retries                 = 1

  endpoints {
    cloudwatchlogs = var.endpoint
    iam            = var.endpoint
    kms            = var.endpoint
    lambda         = var.endpoint
    sts            = var.endpoint
  }

  default_tags {
    tags = { made-by = "terraform" }
  }
}

data "aws_caller_identity" "me" {}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "function" {
  name               = var.name
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.function.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policy" "more" {
  name = "more"
  role = aws_iam_role.function.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "*" }]
  })
}

resource "aws_cloudwatch_log_group" "function" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = 7
}

resource "aws_lambda_layer_version" "words" {
  layer_name          = var.name
  filename            = var.layer
  source_code_hash    = filebase64sha256(var.layer)
  compatible_runtimes = ["python3.11", "python3.12", "python3.13"]
}

resource "aws_kms_key" "variables" {
  description             = "of the variables of ${var.name}"
  deletion_window_in_days = 7
}

resource "aws_kms_alias" "variables" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.variables.key_id
}

resource "aws_lambda_function" "function" {
  function_name    = var.name
  role             = aws_iam_role.function.arn
  runtime          = var.runtime
  handler          = "app.handler"
  filename         = var.code
  source_code_hash = filebase64sha256(var.code)
  layers           = [aws_lambda_layer_version.words.arn]
  memory_size      = var.memory
  timeout          = 5
  publish          = true
  kms_key_arn      = aws_kms_key.variables.arn

  environment {
    variables = { GREETING = var.greeting }
  }

  ephemeral_storage {
    size = 1024
  }

  logging_config {
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.function.name
    application_log_level = "DEBUG"
    system_log_level      = "WARN"
  }

  depends_on = [aws_iam_role_policy_attachment.logs]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "what is in use"
  function_name    = aws_lambda_function.function.function_name
  function_version = aws_lambda_function.function.version
}

resource "aws_lambda_permission" "bucket" {
  statement_id   = "AllowBucket"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.function.function_name
  qualifier      = aws_lambda_alias.live.name
  principal      = "s3.amazonaws.com"
  source_arn     = "arn:aws:s3:::uploads"
  source_account = data.aws_caller_identity.me.account_id
}

resource "aws_lambda_function_url" "live" {
  function_name      = aws_lambda_function.function.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = "NONE"

  cors {
    allow_origins = ["https://app.example"]
    allow_methods = ["GET", "POST"]
    max_age       = 60
  }
}

resource "aws_lambda_function_event_invoke_config" "live" {
  function_name                = aws_lambda_function.function.function_name
  qualifier                    = aws_lambda_alias.live.name
  maximum_event_age_in_seconds = 600
  maximum_retry_attempts       = 1
}

output "account" { value = data.aws_caller_identity.me.account_id }
output "version" { value = aws_lambda_function.function.version }
output "url" { value = aws_lambda_function_url.live.function_url }
