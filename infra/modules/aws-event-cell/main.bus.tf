# One topic, and for each consumer a queue in each lane with its filter, and a dead-letter queue.

resource "aws_sns_topic" "events" {
  name              = "${local.id}-events"
  kms_master_key_id = var.options.customer_managed_key ? aws_kms_key.cell[0].key_id : "alias/aws/sns"
  tracing_config    = "Active"
  tags              = local.tags
}

resource "aws_sqs_queue" "dead_letter" {
  for_each                  = local.consumers
  name                      = "${local.id}-${each.key}-dead-letter"
  message_retention_seconds = var.topology.deadLetterRetentionDays * 24 * 60 * 60
  # Six times the timeout of the function that parks them, as for the queue itself.
  visibility_timeout_seconds = each.value.visibilitySeconds
  sqs_managed_sse_enabled    = var.options.customer_managed_key ? null : true
  kms_master_key_id          = local.kms_key_arn
  tags                       = merge(local.tags, { consumer = each.key })

  redrive_allow_policy = jsonencode({ redrivePermission = "byQueue", sourceQueueArns = [local.queue_arns[each.key], local.queue_arns["${each.key}_side"]] })
}

resource "aws_sqs_queue" "consumer" {
  for_each                   = local.queues
  name                       = "${local.id}-${each.key}"
  visibility_timeout_seconds = each.value.visibilitySeconds
  # An outage of a consumer may last for as long as dead letters are kept.
  message_retention_seconds = var.topology.deadLetterRetentionDays * 24 * 60 * 60
  sqs_managed_sse_enabled   = var.options.customer_managed_key ? null : true
  kms_master_key_id         = local.kms_key_arn
  tags                      = merge(local.tags, { consumer = each.value.consumer })

  redrive_policy = jsonencode({
    deadLetterTargetArn = "${local.queue_arns[each.value.consumer]}-dead-letter"
    maxReceiveCount     = each.value.maximumDeliveries
  })

  depends_on = [aws_sqs_queue.dead_letter]
}

resource "aws_sqs_queue_policy" "consumer" {
  for_each  = local.queues
  queue_url = aws_sqs_queue.consumer[each.key].url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Topic"
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = local.queue_arns[each.key]
      Condition = { ArnEquals = { "aws:SourceArn" = local.topic_arn } }
    }]
  })
}

# An event that is sent again names its consumer; all others are for every consumer that takes their type.
resource "aws_sns_topic_subscription" "side" {
  for_each             = local.consumers
  topic_arn            = aws_sns_topic.events.arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.consumer["${each.key}_side"].arn
  raw_message_delivery = true
  filter_policy_scope  = "MessageAttributes"
  filter_policy        = jsonencode({ type = each.value.types, consumer = [each.key, { exists = false }], lane = ["side"] })

  depends_on = [aws_sqs_queue_policy.consumer]
}

resource "aws_sns_topic_subscription" "consumer" {
  for_each             = local.consumers
  topic_arn            = aws_sns_topic.events.arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.consumer[each.key].arn
  raw_message_delivery = true
  filter_policy_scope  = "MessageAttributes"
  filter_policy        = jsonencode({ type = each.value.types, consumer = [each.key, { exists = false }], lane = [{ exists = false }] })

  # Until the side lane is there, all events come here.
  depends_on = [aws_sqs_queue_policy.consumer, aws_sns_topic_subscription.side]
}
