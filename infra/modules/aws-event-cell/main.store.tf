# The event log, whose stream is the way to the bus, and everything that is derived from it.

resource "aws_dynamodb_table" "events" {
  name                        = local.events_table
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "p"
  range_key                   = "s"
  stream_enabled              = true
  stream_view_type            = "NEW_IMAGE"
  deletion_protection_enabled = var.deletion_protection
  tags                        = local.tags

  attribute {
    name = "p"
    type = "S"
  }

  attribute {
    name = "s"
    type = "S"
  }

  ttl {
    attribute_name = "t"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = var.options.customer_managed_key
    kms_key_arn = local.kms_key_arn
  }
}

resource "aws_dynamodb_table" "state" {
  name                        = local.state_table
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "p"
  range_key                   = "s"
  deletion_protection_enabled = var.deletion_protection
  tags                        = local.tags

  attribute {
    name = "p"
    type = "S"
  }

  attribute {
    name = "s"
    type = "S"
  }

  ttl {
    attribute_name = "t"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = var.options.customer_managed_key
    kms_key_arn = local.kms_key_arn
  }
}
